"""Pins that cannot be installed, and the nearest versions that can.

uv answers all questions, by whether its command succeeds and by the requirements that it writes: can this pin
be installed by itself, and which is the lowest version from there on that has a wheel? So its index, its
settings and its rules of compatibility are those of the build.
"""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from mlmagic.core.advice import ACCEPT_NEAREST
from mlmagic.core.environment import package_name
from mlmagic.core.replacements import Pin, Replacement, pin_of, replaced
from mlmagic.engine.environments import uv
from mlmagic.engine.environments.options import arguments_of, without_arguments
from mlmagic.engine.environments.unavailable_pins import (
    FITTING,
    Unavailable,
    constraints_of,
    excluded,
    ranges,
    reason_of,
    released,
    replacements_in,
    widened,
)
from mlmagic.errors import BuildFailed, Interrupted

_QUESTIONS_AT_ONCE = 4
_SAME_TIME = timedelta(days=7)
# Other failures, such as an index that cannot be reached, say nothing about a pin.
_ANSWERS = re.compile(r"No solution found|Failed to (?:download and )?build")
_FAILED_BUILD = re.compile(r"Failed to (?:download and )?build [`']?([\w.-]+)==")


@dataclass(frozen=True, slots=True)
class Place:
    """A Python into which packages are to be installed."""

    version: str
    """Such as 3.11."""
    python: str | None = None
    """An interpreter of this machine, which can build packages; None if there is none of that version."""
    platform: str | None = None
    """The platform of an image, as uv names it; None for this machine."""
    options: tuple[str, ...] = ()
    """pip's options, such as ``--extra-index-url ...``."""
    server: tuple[str, ...] = ()
    """The scoring server's requirements, which the packages must fit."""

    def arguments(self) -> list[str]:
        """The arguments of ``uv pip compile`` for this Python."""
        where = ["--python-platform", self.platform] if self.platform else []
        if self.python is not None:
            return [*where, "--python", self.python]
        return [*where, "--python-version", self.version]


@dataclass(frozen=True, slots=True)
class Findings:
    """The pins that cannot be installed, and the versions to use instead of them."""

    unavailable: tuple[Unavailable, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    """None if a pin does not exist at all, or no versions fit each other."""

    def error(self) -> BuildFailed:
        """The refusal of the environment, one line for each pin."""
        is_accepted = all(each.exists and each.nearest for each in self.unavailable)
        hint = ACCEPT_NEAREST if is_accepted else ""
        lines = "\n".join(each.words for each in self.unavailable)
        return BuildFailed(f"the environment cannot be built: {lines}", hint=hint)


class _UnansweredError(Exception):
    """uv could not find out."""


def find(lines: Sequence[str], place: Place, cancelled: threading.Event, *, log: str = "") -> Findings:
    """The pins of ``lines`` that cannot be installed, and their replacements.

    ``log`` is the output of a failed install: packages whose build failed there are not built again. Nothing
    is found while the index cannot be reached. Raises `Interrupted` when ``cancelled``.
    """
    with tempfile.TemporaryDirectory(prefix="mlmagic-") as folder, suppress(_UnansweredError):
        questions = _Questions(place, Path(folder), cancelled)
        unavailable = questions.unavailable(
            lines, {package_name(name) for name in _FAILED_BUILD.findall(log)}
        )
        found = Findings(tuple(unavailable))
        if not unavailable or not all(each.exists and each.nearest for each in unavailable):
            return found
        return replace(found, replacements=tuple(questions.replacements(lines, unavailable)))
    return Findings()


@dataclass(slots=True)
class _Questions:
    place: Place
    folder: Path
    cancelled: threading.Event
    _number: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def unavailable(self, lines: Sequence[str], failed: set[str]) -> list[Unavailable]:
        """The pins that cannot be installed even by themselves; ``failed`` are packages known to fail."""
        pins = list(dict.fromkeys(filter(None, map(pin_of, lines))))
        with ThreadPoolExecutor(_QUESTIONS_AT_ONCE) as pool:
            return [found for found in pool.map(lambda pin: self._look(pin, failed), pins) if found]

    def _look(self, pin: Pin, failed: set[str]) -> Unavailable | None:
        line = pin.requires(f"=={pin.version}")
        output = ""
        by_server = excluded(pin, self.place.server)
        if (by_server is None and pin.package not in failed) or "*" in pin.version:
            try:
                self._compile([line], "--only-binary", ":all:")
            except BuildFailed as error:
                output = error.log
            else:
                return None
            if self._builds(line):
                return None
        later, earlier = ranges(pin)
        nearest = self._version(pin, later, "lowest-direct") or self._version(pin, earlier, "highest")
        if by_server is not None:
            return Unavailable(pin, f"excludes {by_server}, which the scoring server needs", FITTING, nearest)
        return Unavailable(pin, reason_of(pin, self.place.version, output), nearest=nearest)

    def _version(self, pin: Pin, line: str, resolution: str) -> str | None:
        for only in (":all:", pin.name):
            try:
                found = self._compile([line], "--only-binary", only, "--resolution", resolution)
            except BuildFailed:
                continue
            return {one.package: one.version for one in filter(None, map(pin_of, found))}.get(pin.package)
        return None

    def replacements(self, lines: Sequence[str], unavailable: Sequence[Unavailable]) -> list[Replacement]:
        """Versions for all unavailable pins that fit each other and the other requirements.

        Where the others exclude them, pins that conflict are replaced, too. Empty if nothing fits.
        """
        wrong = {each.pin for each in unavailable}
        others = [line for line in lines if pin_of(line) not in wrong]
        wanted = widened(lines, unavailable)
        fixed = [
            each.pin.requires(f"=={each.nearest}") for each in dict.fromkeys(unavailable) if each.nearest
        ]
        loose = [pin.requires(f">={pin.lowest}") for line in others if (pin := pin_of(line)) is not None]
        held = [line for line in others if pin_of(line) is None]
        names = [word for pin in wrong for word in ("--only-binary", pin.name)]
        attempts = (
            *((fixed, others), (wanted, others)),
            *(([*fixed, *loose], held), ([*wanted, *loose], held)),
        )
        for asked, constraints in attempts:
            for only in (["--only-binary", ":all:"], names):
                try:
                    found = self._compile(
                        asked, *only, "--resolution", "lowest-direct", constraints=constraints
                    )
                except BuildFailed:
                    continue
                chosen = replacements_in(found, lines, unavailable)
                beside = self._dependencies(chosen, lines)
                return [replace(each, beside=beside) for each in chosen]
        return []

    def _dependencies(self, chosen: Sequence[Replacement], lines: Sequence[str]) -> tuple[str, ...]:
        """The dependencies of replacements at the versions of their time, as pins.

        A package declares the oldest dependency that it works with, seldom the newest: scikit-learn 1.1
        accepts numpy 2, and fails when it is imported. Empty where the index has no dates, or nothing fits.
        """
        pins = [f"{each.package}=={each.used}" for each in chosen]
        try:
            locked = "\n".join(self._compile(pins, "--format", "pylock.toml"))
            day = released(locked, {each.package for each in chosen})
            if day is None:
                return ()
            until = (day + _SAME_TIME).isoformat()
            found = self._compile(pins, "--only-binary", ":all:", "--exclude-newer", until, fits_server=False)
            named = {package_name(line) for line in (*lines, *self.place.server)}
            beside = tuple(line for line in found if (pin := pin_of(line)) and pin.package not in named)
            self._compile([*replaced(lines, chosen), *beside, *self.place.server])
        except BuildFailed:
            return ()
        return beside

    def _compile(
        self, lines: Sequence[str], *more: str, constraints: Iterable[str] = (), fits_server: bool = True
    ) -> list[str]:
        """The requirements that uv resolves ``lines`` to. Raises `BuildFailed` with its explanation."""
        server = self.place.server if fits_server else ()
        wanted, limits = self._file(), self._file()
        wanted.write_text(_text([*without_arguments(self.place.options), *lines]), encoding="utf-8")
        limits.write_text(_text(constraints_of([*constraints, *server])), encoding="utf-8")
        command = [
            *(uv.find(), "pip", "compile", "--quiet", "--no-header", "--no-annotate"),
            *self.place.arguments(),
            *arguments_of(self.place.options),
            *more,
            *("--constraints", str(limits), str(wanted)),
        ]
        output: list[str] = []
        try:
            uv.run(command, self.folder, output.append, self.cancelled)
        except BuildFailed as failed:
            if not _ANSWERS.search(failed.log):
                raise _UnansweredError from None
            raise
        return output

    def _builds(self, line: str) -> bool:
        """Whether the requirement can be installed by itself, with what has to be built for it.

        Without an interpreter here that could build it, whether it can be resolved.
        """
        try:
            if self.place.python is None:
                self._compile([line])
                return True
            wanted, limits, target = self._file(), self._file(), self._file()
            wanted.write_text(_text([*without_arguments(self.place.options), line]), encoding="utf-8")
            limits.write_text(_text(constraints_of(self.place.server)), encoding="utf-8")
            command = [
                *(uv.find(), "pip", "install", "--python", self.place.python, "--target", str(target)),
                *arguments_of(self.place.options),
                *("-r", str(wanted), "--constraints", str(limits)),
            ]
            uv.run(command, self.folder, lambda line: None, self.cancelled)
        except Interrupted:
            raise
        except BuildFailed:
            return False
        return True

    def _file(self) -> Path:
        with self._lock:
            self._number += 1
            return self.folder / f"{self._number}.txt"


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
