"""The import statement that brings in a live object: the notebook's own, or one found from the object."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from types import ModuleType

from mlmagic.capture.history import History, Import

_ABSENT = object()


def import_for(name: str, value: object, history: History) -> Import | None:
    """The import that binds ``name`` to ``value``, or None when nothing importable is that object."""
    if found := history.import_of(name, value):
        return found.of_bound_name  # the parts that are used are added by `submodule_imports`
    if isinstance(value, ModuleType):
        return _module_import(name, value)
    return next(iter(_object_imports(name, value)), None)


def submodule_imports(module: str, chains: Iterable[tuple[str, ...]], name: str) -> Iterator[str]:
    """Submodules of ``module`` that the source reaches by dots through ``name``.

    ``scipy.stats.norm`` works in a notebook because some cell imported ``scipy.stats``; in a fresh
    process that import is needed again.
    """
    for chain in chains:
        if chain[0] != name:
            continue
        path = module
        for part in chain[1:]:
            parent, path = path, f"{path}.{part}"
            if not hasattr(sys.modules.get(parent), "__path__") or path not in sys.modules:
                break
            yield path


def is_main(value: object, namespace_name: object = "__main__") -> bool:
    """Whether ``value`` says that it was made in the notebook and not in a module."""
    module = getattr(value, "__module__", None)
    return module is None or module in ("__main__", "__mp_main__", namespace_name)


def describe_type(kind: type) -> str:
    """The type as a person would import it: ``sklearn.linear_model.Ridge``."""
    if kind.__module__ == "builtins":
        return kind.__qualname__
    for found in _object_imports(kind.__name__, kind):
        return f"{found.module}.{found.attribute}"
    return kind.__qualname__ if is_main(kind) else f"{kind.__module__}.{kind.__qualname__}"


def _module_import(name: str, module: ModuleType) -> Import | None:
    path = module.__name__
    if path in ("__main__", "__mp_main__") or path not in sys.modules:
        return None
    top, _, last = path.rpartition(".")
    if top and last == name:
        return Import(top, last, name)
    return Import(path, None, name)


def _object_imports(name: str, value: object) -> Iterator[Import]:
    home = getattr(value, "__module__", None) or getattr(type(value), "__module__", None)
    if not isinstance(home, str) or home in ("__main__", "__mp_main__"):
        return
    attributes = dict.fromkeys(
        text
        for text in (getattr(value, "__name__", None), getattr(value, "__qualname__", None), name)
        if isinstance(text, str) and text.isidentifier()
    )
    for module in _public_first(home):
        for attribute in attributes:
            if vars(module).get(attribute, _ABSENT) is value:
                yield Import(module.__name__, attribute, name)


def _public_first(home: str) -> Iterator[ModuleType]:
    """The module and the packages around it, outermost first: people import from the outside.

    Before `_io`, which is written in C, comes `io`, which makes its names public.
    """
    public = sys.modules.get(home.lstrip("_"))
    if home.startswith("_") and isinstance(public, ModuleType):
        yield public
    parts = home.split(".")
    for count in range(1, len(parts) + 1):
        module = sys.modules.get(".".join(parts[:count]))
        if isinstance(module, ModuleType):
            yield module
