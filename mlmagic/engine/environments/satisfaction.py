"""Whether installed packages satisfy requirements, and which requirements conflict by their pins alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import metadata
from typing import TYPE_CHECKING

from mlmagic.core.environment import package_name
from mlmagic.engine.environments.resolver_errors import Side
from mlmagic.errors import InvalidConfig, InvalidConfigs, UsageError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

Installed = Callable[[str], str | None]
"""The version of a distribution, by name; None for one that is not installed."""


def installed_here(name: str) -> str | None:
    """The version of a distribution in this interpreter; None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def installed_in(folder: str) -> Installed:
    """A lookup of versions in another interpreter's site-packages ``folder``."""
    found = {
        package_name(each.metadata["Name"]): each.version for each in metadata.distributions(path=[folder])
    }
    return lambda name: found.get(package_name(name))


def unmet(requirements: Iterable[str], installed: Installed = installed_here) -> list[str]:
    """The requirements that the installed versions do not satisfy; extras and URLs always count as unmet."""
    return [requirement for requirement in requirements if not _is_met(requirement, installed)]


def _is_met(requirement: str, installed: Installed) -> bool:
    wanted = _parsed(requirement)
    if wanted is None or wanted.url or wanted.extras:
        return False
    if wanted.marker is not None and not wanted.marker.evaluate():
        return True
    there = installed(wanted.name)
    return there is not None and wanted.specifier.contains(there, prereleases=True)


def pins(requirements: Iterable[str]) -> dict[str, str]:
    """The versions of the pinned distributions, by name as PyPI normalizes it."""
    versions: dict[str, str] = {}
    for requirement in requirements:
        wanted = _parsed(requirement)
        if wanted is not None and (version := _pinned(wanted)) is not None:
            versions[package_name(wanted.name)] = version
    return versions


def pinned(requirements: Iterable[str]) -> Callable[[Iterable[str]], dict[str, str | None]]:
    """The versions of the distributions that are pinned, by name; others are left out."""
    versions = pins(requirements)

    def of(names: Iterable[str]) -> dict[str, str | None]:
        normalized = {name: package_name(name) for name in names}
        return {name: versions[each] for name, each in normalized.items() if each in versions}

    return of


def check(what: str, requirements: Sequence[str], server: Sequence[str] = ()) -> None:
    """Raise `InvalidConfigs` for requirements that pip cannot parse, `UsageError` for two that conflict.

    ``what`` is the environment, for the message; ``server`` are the scoring server's own requirements.
    """
    wrong = [_unreadable(requirement) for requirement in misspelt(requirements)]
    if wrong:
        raise InvalidConfigs(what, wrong)
    sides = conflict(requirements, server)
    if sides is not None:
        raise UsageError(
            f"{what} cannot be built: {sides[0]} and {sides[1]} exclude each other",
            hint="Change one of them.",
        )


def conflict(requirements: Sequence[str], server: Sequence[str] = ()) -> tuple[Side, Side] | None:
    """A pinned requirement and another of the same distribution that excludes the pin; None without any."""
    known = [
        (wanted, requirement in server)
        for requirement in (*requirements, *server)
        if (wanted := _parsed(requirement))
    ]
    for one, ones in known:
        pinned = _pinned(one)
        if pinned is None or one.marker is not None:
            continue
        for other, others in known:
            same = package_name(one.name) == package_name(other.name) and other.marker is None
            if same and not other.specifier.contains(pinned, prereleases=True):
                return _side(one, ones), _side(other, others)
    return None


def _unreadable(requirement: str) -> InvalidConfig:
    """The error for a requirement that pip cannot parse, with the one that was probably meant."""
    name, equals, version = requirement.partition("=")
    meant = "-".join(name.split()) + (f"=={version.lstrip('=').strip()}" if equals else "")
    hint = f"Did you mean {meant!r}?" if _parsed(meant) is not None else ""
    rule = "must be written as for pip, such as six or six==1.17.0"
    return InvalidConfig("requirement", requirement, rule, hint=hint)


def misspelt(requirements: Iterable[str]) -> Iterator[str]:
    """The requirements that pip cannot parse; paths and URLs are left to the installer."""
    for requirement in requirements:
        if _parsed(requirement) is None and "/" not in requirement:
            yield requirement


def _parsed(requirement: str) -> Requirement | None:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(requirement)
    except InvalidRequirement:
        return None


def _pinned(wanted: Requirement) -> str | None:
    from packaging.version import InvalidVersion, Version

    for each in wanted.specifier:
        if each.operator in ("==", "===") and not each.version.endswith(".*"):
            try:
                return str(Version(each.version))
            except InvalidVersion:
                return None
    return None


def _side(wanted: Requirement, is_servers: bool) -> Side:
    return Side(f"{wanted.name}{wanted.specifier}", "the scoring server" if is_servers else "requested")
