"""The packages that an installation of mlmagic brings, read from what is installed here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib.metadata import Distribution, distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

NOT_SHIPPED = {"test"}
"""Extras for those who change mlmagic, not for those who use it."""


def closure(root: str, extra: str, requires: Mapping[str, Iterable[str]]) -> set[str]:
    """The packages that ``root`` brings with ``extra`` ("": without one): its requirements, and theirs.

    ``requires`` has the requirements of each package. Names are normalized.
    """
    seen: set[tuple[str, str]] = set()
    waiting = [(root, extra)]
    while waiting:
        package, of_extra = each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        for wanted in map(Requirement, requires.get(package, ())):
            if wanted.marker is None or wanted.marker.evaluate({"extra": of_extra}):
                waiting += [(canonicalize_name(wanted.name), name) for name in ("", *wanted.extras)]
    return {package for package, _ in seen} - {root}


class Dependencies:
    """What mlmagic brings: of this environment, or of another one whose packages are in ``site_packages``."""

    def __init__(self, *site_packages: str) -> None:
        everything = distributions(path=list(site_packages)) if site_packages else distributions()
        installed: dict[str, Distribution] = {}
        for each in everything:  # the first one found is the one that is imported
            installed.setdefault(canonicalize_name(each.metadata["Name"]), each)
        requires = {name: each.requires or () for name, each in installed.items()}
        self.own = installed["mlmagic"]
        self.base = closure("mlmagic", "", requires)
        """What the installation without extras brings."""
        extras = sorted(set(self.own.metadata.get_all("Provides-Extra") or ()) - NOT_SHIPPED)
        self.of_extra = {name: closure("mlmagic", name, requires) - self.base for name in extras}
        """What each extra brings beside that."""
        self._installed = installed

    @cached_property
    def distributions(self) -> dict[str, Distribution]:
        """All packages that it may bring. Raises `LookupError` if one is not installed."""
        names = sorted(self.base.union(*self.of_extra.values()))
        if missing := [name for name in names if name not in self._installed]:
            raise LookupError(f"these dependencies of mlmagic are not installed: {', '.join(missing)}")
        return {name: self._installed[name] for name in names}
