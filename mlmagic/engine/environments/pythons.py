"""The Python interpreters of this machine, and the choice of one for an environment.

uv finds them, on PATH and among those that uv or pyenv has installed, and caches its findings. The running
interpreter is always in the list.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mlmagic.core import advice
from mlmagic.core.environment import MINIMUM_MINOR, MINIMUM_PYTHON, python_minor
from mlmagic.engine.environments import uv
from mlmagic.errors import Advice, InvalidConfig, NotFound, UsageError

_PROBE = (
    "import json, os, platform, sys; print(json.dumps([platform.python_implementation(), "
    "platform.python_version(), os.path.realpath(getattr(sys, '_base_executable', sys.executable))]))"
)
_PROBE_SECONDS = 20.0
TOO_OLD = f"is older than the scoring server runs on, which is {MINIMUM_PYTHON}"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python interpreter that is not in a virtual environment."""

    path: str
    version: str
    """Such as 3.11.7."""

    @property
    def minor(self) -> tuple[int, int]:
        return python_minor(self.version)


@cache
def this_interpreter() -> Interpreter:
    """The running interpreter, or the base of its virtual environment."""
    base = getattr(sys, "_base_executable", sys.executable) or sys.executable
    return Interpreter(os.path.realpath(base), platform.python_version())


def interpreters() -> list[Interpreter]:
    """The interpreters of this machine, newest first; of each version, the first that uv finds.

    Without uv, only the running one.
    """
    own = this_interpreter()
    found = {own.version: own}
    with suppress(UsageError):
        # A project's or the user's configuration of uv may hide some.
        for each in uv.read_json(
            ("python", "list", "--only-installed", "--no-config", "--output-format", "json"),
            {"PATH": os.pathsep.join(_folders())},
        ):
            # A free-threaded or debug build is another Python to the packages.
            if (each["implementation"], each.get("variant", "default")) == ("cpython", "default"):
                one = Interpreter(os.path.realpath(each["path"]), each["version"])
                found.setdefault(one.version, one)
    return sorted(found.values(), key=lambda each: _release(each.version), reverse=True)


def choose(
    wanted: str | None, own: Interpreter, available: Iterable[Interpreter], *, nearest: bool
) -> Interpreter:
    """The interpreter for an environment with Python ``wanted``, such as 3.11 or 3.11.4.

    The running one if its minor version matches, else another match, else with ``nearest`` the nearest one.
    Raises `NotFound` with the known versions; `InvalidConfig` for one too old for the scoring server.
    """
    if wanted is None or (minor := python_minor(wanted)) == own.minor:
        return own
    usable = [each for each in available if each.minor >= MINIMUM_MINOR]
    fitting = [each for each in usable if each.minor == minor]
    if fitting:
        return next((each for each in fitting if each.version == wanted), fitting[0])
    if nearest:
        return min(usable, key=lambda each: (_distance(each.minor, minor), each != own))
    there = f"On this machine are {', '.join(each.version for each in usable)}."
    way_out = Advice("{there} {nearest} takes the nearest.", there=there, nearest=advice.argument("nearest"))
    if minor < MINIMUM_MINOR:
        raise InvalidConfig("Python", wanted, TOO_OLD, hint=way_out)
    raise NotFound("Python on this machine", wanted, hint=way_out)


def inspect_interpreter(path: str) -> Interpreter | None:
    """The base path and version of the interpreter at ``path``; None if it is not CPython or does not run."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        done = subprocess.run(
            [path, "-I", "-S", "-c", _PROBE],
            capture_output=True,
            env=clean,
            timeout=_PROBE_SECONDS,
            check=True,
        )
        kind, version, base = json.loads(done.stdout)
        return Interpreter(base, version) if kind == "CPython" else None
    return None


def _folders() -> Iterator[str]:
    """The folders in which uv searches, besides its own."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        # pyenv's shims run another version when its settings change.
        if folder and Path(folder) != pyenv / "shims":
            yield folder
    yield from map(str, sorted((pyenv / "versions").glob("*/bin")))


def _release(version: str) -> tuple[int, ...]:
    digits: Sequence[str] = version.split(".")
    return tuple(int("".join(filter(str.isdigit, part[:3])) or 0) for part in digits[:3])


def _distance(one: tuple[int, int], other: tuple[int, int]) -> int:
    return abs((one[0] - other[0]) * 100 + one[1] - other[1])
