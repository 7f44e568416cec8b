"""What cells have set on imported objects: ``config.LIMIT = 5``, ``pd.options.mode.copy_on_write = True``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType

from mlmagic.capture.changes import ABSENT, Change
from mlmagic.capture.history import Import

_OF_THE_PROCESS = frozenset(("os", "sys", "logging", "warnings"))
"""sys.path.append(), os.environ[...] = and handlers of logs are settings of the notebook's own process."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an imported object keeps what a cell has changed, and what is there now."""

    module: str
    path: tuple[str, ...]
    """The attributes from the module on."""
    change: Change
    live: object

    def __str__(self) -> str:
        key = f"[{self.change.key!r}]" if self.change.has_key else ""
        return ".".join((self.module, *self.path)) + key

    @property
    def is_writable(self) -> bool:
        """Whether a statement can give the object its present value: it is set, or a plain container."""
        return not self.change.in_place or type(self.live) in (list, dict, set)

    def statement(self, module: str, text: str) -> str:
        """Source that restores it, where ``module`` means the module and ``text`` the live value."""
        place = str(self).replace(self.module, module, 1)
        if not self.change.in_place:
            return f"{place} = {text}\n"
        if isinstance(self.live, list):
            return f"{place}[:] = {text}\n"
        return f"{place}.clear()\n{place}.update({text})\n"


def places(
    changes: Iterable[Change],
    namespace: Mapping[str, object],
    import_of: Callable[[str, object], Import | None],
) -> dict[str, Place]:
    """The places in imported modules that ``changes`` reach through names of the notebook, each once."""
    found: dict[str, Place] = {}
    for change in changes:
        start, *attributes = change.path
        found_import = import_of(start, namespace.get(start, ABSENT))
        if found_import is None or found_import.module.partition(".")[0] in _OF_THE_PROCESS:
            continue
        module, path = found_import.module, tuple[str, ...]()
        at: object = sys.modules.get(module, ABSENT)
        for name in (*([found_import.attribute] if found_import.attribute else []), *attributes):
            at, path = _attribute(at, name), (*path, name)
            if isinstance(at, ModuleType):
                module, path = at.__name__, ()
        if change.has_key:
            at = _item(at, change.key)
        if at is not ABSENT and (path or change.has_key):
            place = Place(module, path, change, at)
            found[str(place)] = place
    return found


def _attribute(owner: object, name: str) -> object:
    try:
        return getattr(owner, name, ABSENT)
    except Exception:  # whatever a property of the user's does
        return ABSENT


def _item(owner: object, key: object) -> object:
    try:
        return owner[key]  # type: ignore[index]
    except Exception:  # no such key, or no items at all
        return ABSENT
