"""Which interpreter runs a script: this one if it has every package, a named one, or a built environment."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlmagic.core import advice
from mlmagic.core.conda_names import pip_requirements
from mlmagic.core.environment import (
    MINIMUM_MINOR,
    MINIMUM_PYTHON,
    EnvironmentNeeds,
    package_name,
)
from mlmagic.core.replacements import PYTHON, Replacement
from mlmagic.engine.environments import pythons, satisfaction, uv
from mlmagic.engine.environments.build import find_conda
from mlmagic.engine.environments.specification import Specification
from mlmagic.engine.environments.store import Store
from mlmagic.errors import Advice, InvalidConfig, InvalidConfigs, NotFound, UsageError
from mlmagic.targets.base import ComputeTarget
from mlmagic.targets.installed_packages import packages_of
from mlmagic.targets.server_files import SERVER_REQUIREMENTS

Notify = Callable[[str], None]
_SERVES = "can run the scoring server"
Versions = Callable[[Iterable[str]], dict[str, str | None]]
"""Maps distributions to the versions that will run, None for a missing one; unknown ones are left out."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """The interpreter that will run a script, as far as it is known before the deploy."""

    python: str
    """The interpreter's path; that of an environment is known before it is built."""
    version: str
    """The version of Python; empty if unknown."""
    versions: Versions
    words: str = "here"
    specification: Specification | None = None
    """What is to be built first; None for an interpreter that exists."""
    replacements: tuple[Replacement, ...] = ()
    """The versions that are used in place of those of the environment, as far as is known."""


def this_runtime() -> Runtime:
    """This interpreter."""
    version = pythons.this_interpreter().version
    return Runtime(sys.executable, version, _versions(satisfaction.installed_here))


def declared(needs: EnvironmentNeeds) -> Runtime:
    """A runtime elsewhere, such as in an image: only the requirements are known."""
    requirements = needs.pip_packages
    with suppress(InvalidConfigs):
        requirements = pip_requirements(needs)
    return Runtime(
        sys.executable, needs.python or "", satisfaction.pinned(requirements), "in the environment"
    )


def runtime_for(
    target: ComputeTarget[Any], needs: EnvironmentNeeds, notify: Notify, *, nearest: bool
) -> Runtime:
    """The runtime of a script on ``target``; raises `UsageError` for an environment that cannot be built.

    With ``nearest``, a Python or a pin that there is not is replaced by the nearest that there is.
    """
    if needs.ignored_image:
        notify(
            Advice(
                "The base image {image} is Azure's, with a Python too old for the scoring server: "
                "mlmagic's own base is used. To use it anyway: {keep}",
                image=needs.ignored_image,
                keep=advice.argument("keep_base_image"),
            )
        )
    if target.capabilities.runs_interpreter:
        return choose(needs, Store(), nearest=nearest, notify=notify)
    if not needs.are_any:
        return this_runtime()
    replacements = image_python(needs, nearest=nearest)
    for each in replacements:
        notify(each.words)
    return replace(declared(needs), replacements=replacements)


def choose(
    needs: EnvironmentNeeds, store: Store, *, nearest: bool, notify: Notify, strictly: bool = False
) -> Runtime:
    """The interpreter for an environment; nothing is built yet.

    ``strictly`` chooses a separate environment even if this interpreter has every package. ``nearest``
    accepts the nearest Python and, where a pin cannot be installed, the nearest version. Raises `UsageError`
    for what is known to be impossible: a missing Python (unless ``nearest``), conda packages that PyPI does
    not have, requirements that exclude each other.
    """
    for need in needs.of_image:
        notify(f"The environment needs {need}: the service runs as a process here, without it.")
    if not needs.are_any or (needs.user_managed and needs.needs_image):
        return this_runtime()
    if not needs.user_managed:
        return _with_packages(needs, store, nearest=nearest, notify=notify, strictly=strictly)
    return _managed(needs)


def _with_packages(
    needs: EnvironmentNeeds, store: Store, *, nearest: bool, notify: Notify, strictly: bool
) -> Runtime:
    """This interpreter, if it has every package; else the environment that uv or conda makes for them."""
    python, replacements = _python(needs, nearest=nearest)
    conda = find_conda() is not None
    is_same_python = python.minor == pythons.this_interpreter().minor
    if is_same_python and not strictly and _satisfies(needs, has_conda=conda):
        for each in replacements:
            notify(each.words)
        return replace(this_runtime(), replacements=replacements)
    specification = Specification.of(needs, python, has_conda=conda)
    satisfaction.check(
        f"environment {needs.name!r}" if needs.name else "the environment",
        specification.requirements,
        # With the nearest versions, the scoring server's requirements exclude no pin.
        () if nearest else specification.server,
    )
    if not store.is_built(specification.key):  # as it is written
        specification = Specification.of(needs, python, has_conda=conda, nearest=nearest)
    versions = satisfaction.pinned(specification.requirements)
    key = store.want(specification)
    if store.is_built(key):
        replacements += store.replacements(key)
        versions = _versions(satisfaction.installed_in(str(store.site_packages(key))))
    else:
        uv.find()
    for each in replacements:
        notify(each.words)
    return Runtime(
        str(store.python(key)), python.version, versions, "in the environment", specification, replacements
    )


def installed_in(python: str) -> Versions:
    """The versions of what is installed for the interpreter ``python``; `UsageError` if it does not work."""
    return _versions(satisfaction.installed_here if python == sys.executable else _installed_for(python))


def _versions(look: satisfaction.Installed) -> Versions:
    def versions(names: Iterable[str]) -> dict[str, str | None]:
        # Without the local part, as in a pin.
        return {name: there.partition("+")[0] if (there := look(name)) else None for name in names}

    return versions


def _installed_for(python: str) -> satisfaction.Installed:
    there = {package_name(name): version for name, version in packages_of(python).items()}
    return lambda name: there.get(package_name(name))


def image_python(needs: EnvironmentNeeds, *, nearest: bool) -> tuple[Replacement, ...]:
    """The Python of the image that mlmagic builds, if it is not the environment's.

    Raises `InvalidConfig` for one too old for the scoring server, unless ``nearest``.
    """
    if needs.python is None or not needs.python_is_too_old or needs.needs_image:  # the user's has its own
        return ()
    if not nearest:
        way_out = Advice("{nearest} takes the nearest.", nearest=advice.argument("nearest"))
        raise InvalidConfig("Python", needs.python, pythons.TOO_OLD, hint=way_out)
    return (Replacement(PYTHON, needs.python, MINIMUM_PYTHON, pythons.TOO_OLD, _SERVES),)


def _python(needs: EnvironmentNeeds, *, nearest: bool) -> tuple[pythons.Interpreter, tuple[Replacement, ...]]:
    own = pythons.this_interpreter()
    if needs.python is None or needs.python_minor == own.minor:
        return own, ()
    python = pythons.choose(needs.python, own, pythons.interpreters(), nearest=nearest)
    if python.minor == needs.python_minor:
        return python, ()
    reason = pythons.TOO_OLD if needs.python_is_too_old else "is not on this machine"
    return python, (Replacement(PYTHON, needs.python, python.version, reason, _SERVES),)


def _satisfies(needs: EnvironmentNeeds, *, has_conda: bool) -> bool:
    """Whether this interpreter has every package, so that no environment need be built."""
    try:
        return not satisfaction.unmet(Specification.of(needs, pythons.this_interpreter()).requirements)
    except InvalidConfigs:
        if has_conda:
            return False
        raise


def _managed(needs: EnvironmentNeeds) -> Runtime:
    """The runtime of a user-managed environment: an interpreter that already has its packages."""
    if needs.interpreter == "python":
        return this_runtime()
    path = Path(needs.interpreter).expanduser()
    python = pythons.inspect_interpreter(str(path)) if path.is_file() else None
    if python is None:
        raise NotFound(
            "Python interpreter", needs.interpreter, hint="Name the file, such as /opt/env/bin/python."
        )
    if python.minor < MINIMUM_MINOR:
        raise InvalidConfig(
            "interpreter",
            needs.interpreter,
            f"is {python.version}, and the scoring server needs {MINIMUM_PYTHON}",
        )
    look = _installed_for(str(path))
    lacking = satisfaction.unmet(SERVER_REQUIREMENTS, look)
    if lacking:
        raise UsageError(
            f"{needs.interpreter} lacks packages that the scoring server needs: {', '.join(lacking)}",
            hint="Install it there: pip install " + " ".join(f"'{line}'" for line in lacking),
        )
    return Runtime(str(path.absolute()), python.version, _versions(look), f"in {needs.interpreter}")
