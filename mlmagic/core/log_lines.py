"""The lines of a service's log: their time, level and request, and which of them are wanted.

A line that a script prints has no level of its own: it is ``info``, to standard error as well, unless it
says otherwise (``WARNING``, ``ERROR``, a traceback). Lines that continue another one have its level and its
time: those of a traceback, and indented ones. A line whose time is unknown has that of the line before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from mlmagic.errors import InvalidConfig

MOST_REQUESTS = 1000
"""Of so many requests it is remembered whether their last line may be continued."""


class TimedLine(NamedTuple):
    """A line as a compute target reads it."""

    time: float | None
    """When it was written, in seconds since the epoch; None: not known."""
    text: str

    @classmethod
    def of(cls, line: str) -> TimedLine:
        """A line as container runtimes give it: its time, a blank and the text. Else all of it is text."""
        first, _, rest = line.partition(" ")
        time = time_of(first)
        return cls(None, line) if time is None else cls(time, rest)


class Level(IntEnum):
    """How serious a line is, as Python's logging has it."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50

    @classmethod
    def named(cls, text: str) -> Level:
        """A level by its name. Raises `InvalidConfig`."""
        try:
            return cls[str(text).strip().upper()]
        except KeyError:
            names = ", ".join(level.name.lower() for level in cls)
            raise InvalidConfig("level", text, f"must be one of {names}") from None


class LogLine(NamedTuple):
    """A line of a log, and what is known of it."""

    text: str
    """As it is shown."""
    time: float | None
    level: Level
    request_id: str
    """Empty for a line that belongs to no request."""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which lines are wanted; all by default. Times are in seconds since the epoch."""

    since: float | None = None
    until: float | None = None
    level: Level = Level.DEBUG
    request_id: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether all lines are wanted."""
        return self == LogFilter()

    @property
    def needs_times(self) -> bool:
        """Whether it is about times."""
        return self.since is not None or self.until is not None

    def accepts(self, line: LogLine) -> bool:
        """Whether a line is wanted. One without a time is older than any time."""
        return (
            line.level >= self.level
            and (not self.request_id or line.request_id == self.request_id)
            and (self.since is None or (line.time is not None and line.time >= self.since))
            and (self.until is None or line.time is None or line.time <= self.until)
        )


_REPLICA = r"(?P<replica>\[replica \d+\] |[bcdfghjklmnpqrstvwxz2456789]{5} )?"
"""As the local target and Docker mark the replica; and Kubernetes, by the random part of a pod's name."""
_MARKED = re.compile(_REPLICA + r"(?:\[(?P<request>[0-9A-Za-z_.:-]+)\] ?)?(?P<message>.*)", re.DOTALL)
_AZUREML = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (?P<letter>[DIWEC]) \[\d+\] ")
"""As the logger of Azure ML v1's server writes."""
_LETTERS = dict(zip("DIWEC", Level, strict=True))
_LEVELS = (
    (re.compile(r"\b(CRITICAL|FATAL)\b"), Level.CRITICAL),
    (re.compile(r"\bERROR\b|failed:|^Traceback |^\w+(Error|Exception):"), Level.ERROR),
    (re.compile(r"\bWARN(ING)?\b|Warning:"), Level.WARNING),
    (re.compile(r"\bDEBUG\b"), Level.DEBUG),
)
_TRACEBACK = "Traceback (most recent call last)"
_CONTINUES = re.compile(r"\s|" + re.escape(_TRACEBACK) + r"|\w*(Error|Exception)\b")


@dataclass(slots=True)
class _Head:
    """The line that others may continue."""

    level: Level
    is_traceback: bool


@dataclass(slots=True)
class _Reader:
    """What is remembered from one line to the next."""

    time: float | None = None
    heads: dict[tuple[str, str], _Head] = field(default_factory=dict)

    def read(self, line: TimedLine) -> LogLine:
        """The line with all that is known of it."""
        known = _json_line(line.text)
        time = line.time
        if known is not None:
            replica, request, message, written = known
            time = written if time is None else time
        else:
            found = _MARKED.fullmatch(line.text)
            assert found is not None
            replica, request, message = found["replica"] or "", found["request"] or "", found["message"]
        self.time = self.time if time is None else time
        return LogLine(line.text, self.time, self._level((replica, request), message), request)

    def _level(self, key: tuple[str, str], message: str) -> Level:
        head = self.heads.pop(key, None)
        begins = _TRACEBACK in message
        level = max(level_of(message), Level.ERROR) if begins else level_of(message)
        if head is not None and (head.is_traceback or _CONTINUES.match(message)):
            level = max(level, head.level) if not message[:1].isspace() else head.level
            # Its last line is the first that is not indented.
            is_traceback = begins or (head.is_traceback and (message[:1].isspace() or not message))
        else:
            is_traceback = begins
        self.heads[key] = _Head(level, is_traceback)
        if len(self.heads) > MOST_REQUESTS:
            del self.heads[next(iter(self.heads))]
        return level


def read_lines(lines: Iterable[TimedLine]) -> Iterator[LogLine]:
    """The lines of one log with their levels, times and requests, one by one as they come."""
    reader = _Reader()
    return (reader.read(line) for line in lines)


def level_of(message: str) -> Level:
    """The level of a line by itself."""
    if found := _AZUREML.match(message):
        return _LETTERS[found["letter"]]
    return next((level for pattern, level in _LEVELS if pattern.search(message)), Level.INFO)


def time_of(text: str) -> float | None:
    """A time of a log (RFC 3339, UTC) in seconds since the epoch; None if the text is none."""
    try:
        seconds, point, fraction = text.removesuffix("Z").partition(".")
        moment = datetime.fromisoformat(f"{seconds}{point}{fraction[:6]}+00:00")
    except ValueError:
        return None
    return moment.timestamp() if text.endswith("Z") else None


def _json_line(text: str) -> tuple[str, str, str, float | None] | None:
    """Replica, request, message and time of a line of a server that writes JSON; None for another line."""
    if '"message"' not in text:
        return None
    try:
        record = json.loads(text[text.index("{") :])
        message, request = record["message"], record.get("request_id", "")
        return str(record.get("replica", "")), str(request), str(message), time_of(str(record["time"]))
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
