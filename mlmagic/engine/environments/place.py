"""Which interpreter serves: this one where it has all that is asked for, one named, or a realised one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmagic.core.conda_names import pip_requirements
from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.environment import (
    MINIMUM_PYTHON,
    EnvironmentNeeds,
    image_needs,
    needs_of,
    package_name,
    python_minor,
)
from mlmagic.engine.environments import meeting, pythons, uv
from mlmagic.engine.environments.build import find_conda
from mlmagic.engine.environments.specification import Specification
from mlmagic.engine.environments.store import Store
from mlmagic.errors import InvalidConfig, InvalidConfigs, NotFound, UsageError
from mlmagic.targets.base import ComputeTarget
from mlmagic.targets.installed_packages import packages_of
from mlmagic.targets.server_files import SERVER_REQUIREMENTS

Notify = Callable[[str], None]
Versions = Callable[[Iterable[str]], dict[str, str | None]]
"""Of these distributions the versions that will serve, None for a missing one; unknown ones are left out."""


@dataclass(frozen=True, slots=True)
class Place:
    """What will run a service, as far as is known before the deploy."""

    python: str
    """The interpreter's path; that of a realised environment is known before it is made."""
    version: str
    """Of Python; empty where it is not known."""
    versions: Versions
    words: str = "here"
    specification: Specification | None = None
    """What is to be made first; None for an interpreter that is there."""


def here() -> Place:
    """This interpreter."""
    version = pythons.this_interpreter().version
    return Place(sys.executable, version, _versions(meeting.installed_here))


def asked(record: Mapping[str, Any]) -> Place:
    """Somewhere else, such as an image: no more is known of it than what is asked for."""
    needs = needs_of(record)
    requirements = needs.pip_packages
    with suppress(InvalidConfigs):
        requirements = pip_requirements(needs)
    return Place(sys.executable, needs.python or "", _pinned(requirements), "in the environment")


def place_for(
    target: ComputeTarget[Any], inference: InferenceConfig, notify: Notify, *, nearest_python: bool
) -> Place:
    """Where a script will run; raises `UsageError` for an environment that cannot be."""
    if target.capabilities.runs_interpreter:
        return choose(inference.environment, Store(), nearest=nearest_python, notify=notify)
    return asked(inference.environment) if inference.environment else here()


def choose(
    record: Mapping[str, Any] | None, store: Store, *, nearest: bool, notify: Notify, strictly: bool = False
) -> Place:
    """The interpreter for an environment, as the documents' JSON; nothing is made yet.

    ``strictly`` makes an environment of its own even where this interpreter would do. Raises `UsageError`s
    for what can be known to be impossible: a Python that is not there (unless ``nearest``), conda packages
    that cannot be had, requirements that exclude each other.
    """
    needs = needs_of(record)
    for need in image_needs(needs):
        notify(f"The environment asks for {need}: the service runs as a process here, without it.")
    if needs.user_managed:
        return here() if needs.asks_for_image else _managed(needs)
    if not record:
        return here()
    python = _python(needs, store, nearest=nearest, notify=notify)
    conda = find_conda() is not None
    is_same_python = python.minor == pythons.this_interpreter().minor
    if is_same_python and not strictly and _meets(needs, has_conda=conda):
        return here()
    specification = Specification.of(needs, python, has_conda=conda)
    _check(specification, needs.name)
    key = store.want(specification)
    if store.is_built(key):
        versions = _versions(meeting.installed_in(str(store.site_packages(key))))
    else:
        uv.find()
        versions = _pinned(specification.requirements)
    return Place(str(store.python(key)), python.version, versions, "in the environment", specification)


def _versions(look: meeting.Installed) -> Versions:
    def versions(names: Iterable[str]) -> dict[str, str | None]:
        # As a pin has it: without the local part.
        return {name: there.partition("+")[0] if (there := look(name)) else None for name in names}

    return versions


def _pinned(requirements: Iterable[str]) -> Versions:
    pinned = meeting.pins(requirements)
    return lambda names: {name: pinned[package_name(name)] for name in names if package_name(name) in pinned}


def _said_by(python: str) -> meeting.Installed:
    there = {package_name(name): version for name, version in packages_of(python).items()}
    return lambda name: there.get(package_name(name))


def _python(needs: EnvironmentNeeds, store: Store, *, nearest: bool, notify: Notify) -> pythons.Interpreter:
    own = pythons.this_interpreter()
    if needs.python is None or python_minor(needs.python) == own.minor:
        return own
    available = pythons.interpreters(store.root / "pythons.json")
    found = pythons.choose(needs.python, own, available, nearest=nearest)
    if found.minor != python_minor(needs.python):
        notify(
            f"The environment asks for Python {needs.python}: the nearest that is on this machine and that "
            f"the scoring server runs on is {found.version}."
        )
    return found


def _meets(needs: EnvironmentNeeds, *, has_conda: bool) -> bool:
    """Whether this interpreter has all of it, so that nothing need be made."""
    try:
        return not meeting.unmet(Specification.of(needs, pythons.this_interpreter()).requirements)
    except InvalidConfigs:
        if has_conda:
            return False
        raise


def _check(specification: Specification, name: str) -> None:
    what = f"environment {name!r}" if name else "the environment"
    wrong = [
        InvalidConfig("requirement", line, "cannot be read")
        for line in meeting.misspelt(specification.requirements)
    ]
    if wrong:
        raise InvalidConfigs(what, wrong)
    sides = meeting.conflict(specification.requirements, specification.server)
    if sides is not None:
        raise UsageError(
            f"{what} cannot be made: {sides[0]} and {sides[1]} exclude each other", hint="Change one of them."
        )


def _managed(needs: EnvironmentNeeds) -> Place:
    """The interpreter that brings its packages itself."""
    if needs.interpreter == "python":
        return here()
    path = Path(needs.interpreter).expanduser()
    found = pythons.ask(str(path)) if path.is_file() else None
    if found is None:
        raise NotFound(
            "Python interpreter", needs.interpreter, hint="Name the file, such as /opt/env/bin/python."
        )
    if found.minor < python_minor(MINIMUM_PYTHON):
        raise InvalidConfig(
            "interpreter",
            needs.interpreter,
            f"is {found.version}, and the scoring server needs {MINIMUM_PYTHON}",
        )
    look = _said_by(str(path))
    lacking = meeting.unmet(SERVER_REQUIREMENTS, look)
    if lacking:
        raise UsageError(
            f"{needs.interpreter} has not what the scoring server needs: {', '.join(lacking)}",
            hint="Install it there: pip install " + " ".join(f"'{line}'" for line in lacking),
        )
    return Place(str(path.absolute()), found.version, _versions(look), f"in {needs.interpreter}")
