"""Decides from uv's answers why a pin cannot be installed, and which version to use instead."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from packaging.requirements import InvalidRequirement, Requirement

from mlmagic.core.environment import package_name
from mlmagic.core.replacements import Pin, Replacement, pin_of

MISSING = "does not exist in the package index"
CONFLICT, FITTING = "conflicts with other packages", "fits"
# In uv's explanations, for one package.
_MISSING = (
    r"there is no version of {name}=="
    r"|\b{name} was not found in "
    r"|only the following versions of {name} are available"
    r"|only {name}[<>=]\S* is available"
)


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A pin, and the nearest version that can be installed in its place."""

    pin: Pin
    reason: str
    rule: str = "has one"
    """What the nearest version does: it is the nearest that ..."""
    nearest: str | None = None
    """The nearest version, for this pin by itself; None if there is none."""

    @property
    def exists(self) -> bool:
        return self.reason != MISSING

    @property
    def words(self) -> str:
        """One line for the user: what is wrong, and what to write."""
        text = f"{self.pin.package} {self.pin.version} {self.reason}"
        if self.nearest is None:
            return text if not self.exists else f"{text}, and neither has any other version"
        which = f"the nearest that {self.rule} is" if self.exists else "the nearest version is"
        return f"{text}; {which} {self.nearest}: write {self.pin.name}{self.pin.extras}=={self.nearest}"


def excluded(pin: Pin, server: Iterable[str]) -> str | None:
    """The scoring server's requirement that excludes a pin; None if none does."""
    for line in server:
        of_server = Requirement(line)
        if package_name(of_server.name) == pin.package and not _may_be(pin, of_server):
            return f"{of_server.name}{of_server.specifier}"
    return None


def _may_be(pin: Pin, wanted: Requirement) -> bool:
    # Of a series, the newest version counts.
    version = f"{pin.lowest}.99999" if pin.version.endswith(".*") else pin.lowest
    return wanted.specifier.contains(version, prereleases=True)


def reason_of(pin: Pin, python: str, output: str) -> str:
    """Why a pin cannot be installed, from uv's explanation."""
    name = re.escape(pin.package)
    is_missing = re.search(_MISSING.format(name=name), output) and not re.search(
        rf"\b{name}\S* has no ", output
    )
    if is_missing:
        return MISSING
    return f"has no build for Python {python}"


def ranges(pin: Pin) -> tuple[str, str]:
    """The requirements of a later version, and of an earlier one."""
    return pin.requires(f">={pin.lowest}"), pin.requires(f"<{pin.lowest}")


def widened(lines: Sequence[str], unavailable: Sequence[Unavailable]) -> list[str]:
    """The requirements of the replacements, whose lowest solution is to be used.

    That is a range for a later version, and the version itself for an earlier one.
    """
    wanted = []
    nearest = {each.pin: each for each in unavailable}
    for line in lines:
        pin = pin_of(line)
        found = nearest.get(pin) if pin is not None else None
        if pin is not None and found is not None:
            is_later = found.nearest is not None and not _is_below(found.nearest, pin.lowest)
            wanted.append(ranges(pin)[0] if is_later else pin.requires(f"=={found.nearest}"))
    return wanted


def constraints_of(lines: Iterable[str]) -> list[str]:
    """The requirements as constraints: without extras, and without addresses and paths."""
    found = []
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.specifier and not requirement.url:
            marker = f" ; {requirement.marker}" if requirement.marker else ""
            found.append(f"{requirement.name}{requirement.specifier}{marker}")
    return found


def replacements_in(
    resolved: Iterable[str], lines: Iterable[str], unavailable: Sequence[Unavailable]
) -> list[Replacement]:
    """What ``resolved``, the output of uv, uses in place of the pins in ``lines``."""
    versions = {pin.package: pin.version for line in resolved if (pin := pin_of(line)) is not None}
    reasons = {each.pin: each for each in unavailable}
    found = {}
    for pin in filter(None, map(pin_of, lines)):
        used = versions.get(pin.package)
        if used is None or (pin not in reasons and _allows(pin, used)):
            continue
        why = reasons.get(pin)
        found[pin] = (
            Replacement(pin.package, pin.version, used, why.reason, why.rule)
            if why is not None
            else Replacement(pin.package, pin.version, used, CONFLICT, FITTING)
        )
    return list(found.values())


def released(lock: str, packages: Iterable[str]) -> datetime | None:
    """The day of the newest of ``packages`` in a ``pylock.toml``; None without dates."""
    try:
        records = tomllib.loads(lock).get("packages", [])
    except tomllib.TOMLDecodeError:
        return None
    named = set(packages)
    times = [
        file.get("upload-time")
        for record in records
        if package_name(record.get("name", "")) in named
        for file in (*record.get("wheels", ()), record.get("sdist") or {})
    ]
    return max((time for time in times if isinstance(time, datetime)), default=None)


def _allows(pin: Pin, version: str) -> bool:
    return Requirement(f"{pin.name}=={pin.version}").specifier.contains(version, prereleases=True)


def _is_below(version: str, bound: str) -> bool:
    return Requirement(f"x<{bound}").specifier.contains(version, prereleases=True)
