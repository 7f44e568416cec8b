"""Versions that are used in place of those an environment names, because these cannot be installed.

An environment's record keeps both: the packages as its author wrote them, and beside them the replacements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

KEY = "replacements"
"""The key of an environment's record that lists its replacements; it is not Azure ML v1's."""
PYTHON = "python"
_PIN = re.compile(
    r"\s*(?P<name>[A-Za-z0-9][\w.-]*)\s*(?P<extras>\[[^\]]*\])?\s*(?:===?)\s*(?P<version>[\w.!*+-]+)\s*"
    r"(?P<marker>;.*)?"
)


@dataclass(frozen=True, slots=True)
class Pin:
    """A requirement of one version, such as ``scikit-learn==0.20.0``, or of one series, ``==0.20.*``."""

    name: str
    version: str
    extras: str = ""
    """Such as ``[grpc]``."""
    marker: str = ""
    """Such as ``; python_version < "3.12"``."""

    @property
    def package(self) -> str:
        """The name, normalized as on PyPI."""
        return re.sub(r"[-_.]+", "-", self.name).lower()

    @property
    def lowest(self) -> str:
        """The lowest version that it allows, as a bound of a range: without a star and a local part."""
        return self.version.removesuffix(".*").partition("+")[0]

    def requires(self, specifier: str) -> str:
        """The requirement with another specifier."""
        return " ".join(filter(None, (f"{self.name}{self.extras}{specifier}", self.marker)))


@dataclass(frozen=True, slots=True)
class Replacement:
    """One version that is used in place of another."""

    package: str
    """Normalized as on PyPI; `PYTHON` for the interpreter."""
    wanted: str
    """The version as it was written."""
    used: str
    reason: str
    """Why the wanted version cannot be used, such as "has no build for Python 3.11"."""
    rule: str = "has one"
    """What the used version is the nearest of: the nearest that ..."""
    beside: tuple[str, ...] = ()
    """Requirements of its dependencies, at the versions of its time: newer ones may not work with it."""

    @property
    def words(self) -> str:
        """One line for the user."""
        name = "Python" if self.package == PYTHON else self.package
        return f"{name} {self.wanted} {self.reason}; serving with {self.used} (the nearest that {self.rule})"


def pin_of(requirement: str) -> Pin | None:
    """The pin of a pip requirement; None if it allows more than one version or series."""
    found = _PIN.fullmatch(requirement)
    if found is None:
        return None
    return Pin(found["name"], found["version"], found["extras"] or "", (found["marker"] or "").strip())


def replaced(requirements: Iterable[str], replacements: Sequence[Replacement]) -> tuple[str, ...]:
    """The requirements with the versions that are used, and after them those of their dependencies."""
    versions = {(each.package, each.wanted): each for each in replacements}
    found, beside = [], dict[str, None]()
    for requirement in requirements:
        pin = pin_of(requirement)
        each = versions.get((pin.package, pin.version)) if pin else None
        found.append(requirement if pin is None or each is None else pin.requires(f"=={each.used}"))
        beside |= dict.fromkeys(each.beside if each else ())
    return (*found, *beside)


def replacement_of(record: Mapping[str, Any]) -> Replacement:
    """The inverse of ``asdict``."""
    return Replacement(**{**record, "beside": tuple(record.get("beside") or ())})


def replacements_of(record: Mapping[str, Any] | None) -> tuple[Replacement, ...]:
    """The replacements in an environment's record."""
    return tuple(map(replacement_of, (record or {}).get(KEY) or ()))


def with_replacements(record: Mapping[str, Any], replacements: Iterable[Replacement]) -> dict[str, Any]:
    """An environment's record with more ``replacements`` beside what its author wrote."""
    there = {(each.package, each.wanted): each for each in (*replacements_of(record), *replacements)}
    return {**record, KEY: [asdict(each) for each in there.values()]} if there else dict(record)


def without_replacements(record: Mapping[str, Any]) -> dict[str, Any]:
    """An environment's record as its author wrote it."""
    return {name: value for name, value in record.items() if name != KEY}
