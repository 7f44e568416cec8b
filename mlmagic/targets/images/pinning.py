"""Requirements pinned to the versions that are installed here, with their dependencies.

So an image gets the versions with which a service was tried. A requirement that is not installed here, or not
in a version that fits, is not pinned, and the installer finds its dependencies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement

from mlmagic.core.environment import package_name
from mlmagic.targets.images.build_plan import BuildPlan
from mlmagic.targets.images.context import Content, Context
from mlmagic.targets.server_files import SERVER_REQUIREMENTS

Distribution = tuple[str, tuple[str, ...]]
"""The version of an installed package, and its requirements."""
Look = Callable[[str], Distribution | None]
REQUIREMENTS, SERVER = "requirements.txt", "server.txt"
OURS = "mlmagic"
"""mlmagic itself is never installed: its server is copied as files."""


def installed_here(name: str) -> Distribution | None:
    """The package installed in this interpreter; None if it is not installed."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    return found.version, tuple(found.requires or ())


def pinned(plan: BuildPlan, look: Look = installed_here) -> BuildPlan:
    """The plan with pinned packages, each once. The user's requirements override the server's.

    Of a package that both need, the server's line stays only where the user's pins no version that fits: then
    the installer finds a version for both, or reports that there is none.
    """
    lines = _lines_of(plan.foundation, REQUIREMENTS)
    options = [line for line in lines if line.startswith("-")]
    asked = locked([line for line in lines if not line.startswith("-")], look)
    theirs = {package_name(line): line for line in asked}
    server = []
    for wanted in SERVER_REQUIREMENTS:
        own = theirs.get(package_name(wanted))
        if own is not None:
            server += [] if _fits(own, wanted) else [wanted]
        else:
            server += [line for line in locked([wanted], look) if package_name(line) not in theirs]
    files: dict[str, Content] = {SERVER: _text(dict.fromkeys(server))}
    if REQUIREMENTS in plan.foundation.files:
        files[REQUIREMENTS] = _text([*options, *asked])
    return replace(
        plan, foundation=plan.foundation | files, requirements=(*dict.fromkeys((*asked, *server)),)
    )


def _lines_of(context: Context, name: str) -> list[str]:
    content = context.files.get(name, b"")
    assert isinstance(content, bytes)
    return content.decode().splitlines()


def _text(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def locked(requirements: Iterable[str], look: Look = installed_here) -> tuple[str, ...]:
    """``name==version`` for each requirement and its dependencies, sorted by name."""
    wanted: dict[str, str] = {}
    todo = [(line, "") for line in requirements]
    done: set[tuple[str, str]] = set()
    while todo:
        line, extra = todo.pop(0)
        try:
            requirement = Requirement(line)
        except InvalidRequirement:  # an address or a path: left to the installer
            wanted.setdefault(line, line)
            continue
        name = package_name(requirement.name)
        if name == OURS or not _applies(requirement, extra):
            continue
        there = look(requirement.name)
        fits = there is not None and requirement.specifier.contains(_public(there[0]), prereleases=True)
        if requirement.url or there is None or not fits:
            if extra or name not in wanted or "==" not in wanted[name]:
                wanted[name] = _without_marker(requirement)
            continue
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        if extras or name not in wanted:
            wanted[name] = f"{requirement.name}{extras}=={_public(there[0])}"
        for each in ("", *sorted(requirement.extras)):
            if (name, each) not in done:
                done.add((name, each))
                todo += [(needed, each) for needed in there[1]]
    return tuple(wanted[name] for name in sorted(wanted))


def _fits(line: str, wanted: str) -> bool:
    """Whether ``line`` pins a version that ``wanted`` accepts."""
    try:
        pins = [each.version for each in Requirement(line).specifier if each.operator == "=="]
    except InvalidRequirement:
        return False
    return any(
        Requirement(wanted).specifier.contains(pin, prereleases=True) for pin in pins if "*" not in pin
    )


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _without_marker(requirement: Requirement) -> str:
    requirement.marker = None
    return str(requirement)


def _public(version: str) -> str:
    """The version without its local part, which no index has."""
    return version.partition("+")[0]
