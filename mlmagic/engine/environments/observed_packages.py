"""Read an environment's packages off a notebook and its kernel, or off another interpreter."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from mlmagic.capture.history import History
from mlmagic.capture.requirements import pinned_requirements
from mlmagic.engine.environments.pythons import inspect_interpreter
from mlmagic.errors import NotFound, UsageError
from mlmagic.targets.installed_packages import packages_of

# Packages that every kernel has and no service needs.
_KERNELS_OWN = frozenset(("mlmagic", "IPython", "ipykernel", "ipywidgets", "traitlets"))


def requirements_of_notebook(
    namespace: Mapping[str, Any], cells: Iterable[str]
) -> tuple[str, tuple[str, ...]]:
    """The kernel's Python version, and ``dist==version`` for the packages of the cells' imports and values.

    Raises `UsageError` if there are none.
    """
    modules = {*_imported(cells), *_of_values(namespace)}
    found = pinned_requirements(name for name in modules if name.partition(".")[0] not in _KERNELS_OWN)
    if not found:
        raise UsageError("the notebook has imported no installed package", hint="Run its imports first.")
    return platform.python_version(), found


def requirements_of_interpreter(path: str) -> tuple[str, tuple[str, ...]]:
    """The version of the Python at ``path``, and its installed packages, pinned. Raises `NotFound`."""
    found = inspect_interpreter(path) if Path(path).is_file() else None
    if found is None:
        raise NotFound("Python interpreter", path, hint="Name the file, such as /opt/env/bin/python.")
    there = packages_of(path)
    pinned = (
        f"{name}=={version.partition('+')[0]}"
        for name, version in there.items()
        if name not in ("pip", "python")
    )
    return found.version, tuple(sorted(pinned, key=str.casefold))


def _imported(cells: Iterable[str]) -> Iterator[str]:
    for cell in History(cells).cells:
        for each in cell.imports:
            yield each.module
            if each.attribute is not None:  # of a namespace package: from google import cloud
                yield f"{each.module}.{each.attribute}"


def _of_values(namespace: Mapping[str, Any]) -> Iterator[str]:
    for name, value in namespace.items():
        if name.startswith("_"):
            continue
        if isinstance(value, ModuleType):
            yield value.__name__
            continue
        owner = value if isinstance(value, type) or callable(value) else type(value)
        module = getattr(owner, "__module__", None)
        if isinstance(module, str) and module not in ("__main__", "builtins"):
            yield module
