"""The packages that a script imports, pinned to the versions installed in the kernel."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import metadata

from mlmagic.capture.modules import INSTALLED, is_local


def pinned_requirements(modules: Iterable[str]) -> tuple[str, ...]:
    """``dist==version`` for each installed distribution among the dotted ``modules``.

    The standard library, the user's own files, and what is not installed (an optional import) are
    left out.
    """
    installed = {module for module in modules if _may_be_installed(module.partition(".")[0])}
    known = _packages(_path_state()) if installed else {}
    found: set[str] = set()
    for module in installed:
        found |= _owners(module, known.get(module.partition(".")[0], ()))
    return tuple(sorted((_pin(name) for name in found), key=str.casefold))


def _may_be_installed(top: str) -> bool:
    return top not in sys.stdlib_module_names and not is_local(top)


def _owners(module: str, candidates: tuple[str, ...]) -> set[str]:
    """The distributions, among those that share a top-level package (``google``), with ``module``."""
    if len(candidates) < 2:
        return set(candidates)
    path = module.replace(".", "/")
    while "/" in path:
        owners = {name for name in candidates if _has(name, path)}
        if owners:
            return owners
        path = path.rpartition("/")[0]
    return set(candidates)


def _has(distribution: str, path: str) -> bool:
    files = metadata.files(distribution) or ()
    return any(str(file).startswith((f"{path}/", f"{path}.")) for file in files)


def _pin(distribution: str) -> str:
    found = metadata.distribution(distribution)
    # "2.1.0+cu118" is not on any index; "==2.1.0" accepts it all the same.
    return f"{found.metadata['Name']}=={found.version.partition('+')[0]}"


def _path_state() -> tuple[tuple[str, float], ...]:
    """Changes when something is installed."""
    # Only where packages are installed: a notebook's own folder changes with every save.
    return tuple((place, _changed(place)) for place in sys.path if place.endswith(INSTALLED))


def _changed(place: str) -> float:
    try:
        return os.stat(place).st_mtime
    except OSError:
        return 0.0


@lru_cache(maxsize=1)
def _packages(state: tuple[tuple[str, float], ...]) -> Mapping[str, tuple[str, ...]]:
    # Reads every installed distribution: most of a second in a big environment.
    return {name: tuple(dict.fromkeys(found)) for name, found in metadata.packages_distributions().items()}
