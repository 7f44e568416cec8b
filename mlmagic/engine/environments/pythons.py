"""Which Python interpreters are on this machine, and which of them an environment gets.

Found where they are put: on PATH, by pyenv, by uv, and the one we run on. Each is asked once, and what it
said is kept until its file changes.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mlmagic.core.environment import MINIMUM_PYTHON, python_minor
from mlmagic.errors import InvalidConfig, NotFound
from mlmagic.workspace.atomic_writes import write_atomically

_ASK = (
    "import json, os, platform, sys; print(json.dumps([platform.python_implementation(), "
    "platform.python_version(), os.path.realpath(getattr(sys, '_base_executable', sys.executable))]))"
)
_ASK_SECONDS = 20.0
_NAMES = ("python3", "python3.*[0-9]")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that is no virtual environment's."""

    path: str
    version: str
    """Such as 3.11.7."""

    @property
    def minor(self) -> tuple[int, int]:
        return python_minor(self.version)


@cache
def this_interpreter() -> Interpreter:
    """The one we run on, or that our virtual environment is made from."""
    base = getattr(sys, "_base_executable", sys.executable) or sys.executable
    return Interpreter(os.path.realpath(base), platform.python_version())


def interpreters(memo: Path) -> list[Interpreter]:
    """All there are on this machine, newest first; the first of a version that is found."""
    told = _told(memo)
    unknown = {name: mark for name, mark in _candidates() if told.get(name, {}).get("mark") != mark}
    if unknown:
        with ThreadPoolExecutor(8) as pool:
            asked = zip(unknown, pool.map(ask, unknown), strict=True)
            told |= {
                name: {"mark": unknown[name], "is": asdict(found) if found else None} for name, found in asked
            }
        _remember(memo, told)
    found = {this_interpreter().version: this_interpreter()}
    for name, _ in _candidates():
        if (said := told.get(name, {}).get("is")) and os.path.exists(said["path"]):
            found.setdefault(said["version"], Interpreter(**said))
    return sorted(found.values(), key=lambda each: _release(each.version), reverse=True)


def choose(
    wanted: str | None, own: Interpreter, available: Iterable[Interpreter], *, nearest: bool
) -> Interpreter:
    """The interpreter for an environment that asks for Python ``wanted``, such as 3.11 or 3.11.4.

    Our own where its minor version is right, else one that is, else with ``nearest`` the one nearest to it.
    Raises `NotFound` with those there are; `InvalidConfig` for one too old for the server.
    """
    if wanted is None or python_minor(wanted) == own.minor:
        return own
    usable = [each for each in available if each.minor >= python_minor(MINIMUM_PYTHON)]
    fitting = [each for each in usable if each.minor == python_minor(wanted)]
    if fitting:
        exact = [each for each in fitting if each.version == wanted]
        return (exact or fitting)[0]
    if nearest:
        return min(usable, key=lambda each: (_distance(each, wanted), each != own))
    there = f"On this machine are {', '.join(each.version for each in usable)}."
    way_out = f"{there} --python nearest takes the nearest."
    if python_minor(wanted) < python_minor(MINIMUM_PYTHON):
        rule = f"is older than the scoring server runs on, which is {MINIMUM_PYTHON}"
        raise InvalidConfig("Python", wanted, rule, hint=way_out)
    raise NotFound("Python on this machine", wanted, hint=way_out)


def ask(path: str) -> Interpreter | None:
    """What the interpreter at ``path`` says of itself; None if it is not CPython, or says nothing."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        done = subprocess.run(
            [path, "-I", "-S", "-c", _ASK], capture_output=True, env=clean, timeout=_ASK_SECONDS, check=True
        )
        kind, version, base = json.loads(done.stdout)
        return Interpreter(base, version) if kind == "CPython" else None
    return None


def _candidates() -> Iterator[tuple[str, str]]:
    """Files that may be interpreters, and a mark that changes when they do."""
    seen: set[str] = set()
    for folder in _folders():
        for name in _NAMES:
            for path in sorted(folder.glob(name)):
                real = os.path.realpath(path)
                if real in seen or path.name.endswith("-config"):
                    continue
                seen.add(real)
                with suppress(OSError):
                    said = os.stat(path)
                    yield str(path), f"{said.st_mtime_ns}-{said.st_size}"


def _folders() -> Iterator[Path]:
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    managed = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or home / ".local/share/uv/python")
    for place in os.environ.get("PATH", "").split(os.pathsep):
        # pyenv's shims say another version when its settings change.
        if place and Path(place) != pyenv / "shims":
            yield Path(place)
    for root in (pyenv / "versions", managed):
        yield from sorted(root.glob("*/bin"))


def _told(memo: Path) -> dict[str, dict[str, Any]]:
    try:
        return dict(json.loads(memo.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _remember(memo: Path, told: dict[str, dict[str, Any]]) -> None:
    memo.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(memo, json.dumps(told))


def _release(version: str) -> tuple[int, ...]:
    digits: Sequence[str] = version.split(".")
    return tuple(int("".join(filter(str.isdigit, part[:3])) or 0) for part in digits[:3])


def _distance(each: Interpreter, wanted: str) -> int:
    major, minor = python_minor(wanted)
    return abs((each.minor[0] - major) * 100 + each.minor[1] - minor)
