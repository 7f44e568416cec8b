"""Functions and classes of a module that was reloaded after they were imported."""

from __future__ import annotations

import sys
from types import FunctionType

from mlmagic.capture.definitions import essence
from mlmagic.capture.history import Import
from mlmagic.capture.refusals import Refused


def import_after_reload(name: str, value: object) -> Import | None:
    """The import of ``value`` from its reloaded module, if its code is the same there; None for other values.

    Raises `Refused` for a function or class whose code the module no longer has.
    """
    if not isinstance(value, FunctionType | type) or "." in value.__qualname__:
        return None
    module = sys.modules.get(value.__module__)
    now = getattr(module, value.__qualname__, None)
    if module is None or value.__module__ == "__main__" or now is None or now is value:
        return None
    if type(now) is not type(value):
        return None
    if _codes(now) != _codes(value):
        raise Refused(
            f"is of an earlier version of the module {value.__module__!r}, which was reloaded since",
            f"Import it again: from {value.__module__} import {value.__qualname__}.",
        )
    return Import(value.__module__, value.__qualname__, name)


def _codes(value: object) -> list[tuple[str, object]]:
    if isinstance(value, FunctionType):
        return [("", essence(value.__code__)), ("defaults", repr(value.__defaults__))]
    found: list[tuple[str, object]] = []
    for name, member in sorted(vars(value).items()):
        inner = getattr(member, "__func__", member)
        if isinstance(inner, FunctionType):
            found.append((name, essence(inner.__code__)))
        elif not name.startswith("__") and isinstance(member, int | float | str | bool):
            found.append((name, repr(member)))
    return found
