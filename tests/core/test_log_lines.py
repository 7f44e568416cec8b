"""The lines of a log: level, time and request of each, and the filter."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from mlmagic.core.log_lines import (
    MOST_REQUESTS,
    Level,
    LogFilter,
    LogLine,
    TimedLine,
    level_of,
    read_lines,
    time_of,
)
from mlmagic.errors import InvalidConfig

DEBUG, INFO, WARNING, ERROR, CRITICAL = Level


def levels(*lines: str) -> list[Level]:
    return [line.level for line in read_lines(TimedLine(None, text) for text in lines)]


@pytest.mark.parametrize(
    ("message", "level"),
    [
        ("loaded 3 rows", INFO),
        ("", INFO),
        ("WARNING:root:slow", WARNING),
        ("x.py:3: UserWarning: old", WARNING),
        ("2026-01-31 12:00:00 ERROR no", ERROR),
        ("run() failed:", ERROR),
        ("ValueError: no", ERROR),
        ("CRITICAL:root:gone", CRITICAL),
        ("DEBUG:root:x", DEBUG),
        ("no errors here", INFO),
        ("2026-01-31 12:00:00,123 W [17] azmlinfsrv - slow", WARNING),
        ("2026-01-31 12:00:00,123 I [17] azmlinfsrv - ERROR is only a word", INFO),
    ],
)
def test_the_level_of_a_line(message: str, level: Level) -> None:
    assert level_of(message) is level


def test_a_traceback_belongs_to_its_first_line() -> None:
    assert levels(
        "[r-1] ready",
        "[r-1] run() failed:",
        "[r-1] Traceback (most recent call last):",
        '[r-1]   File "score.py", line 3, in run',
        "[r-1]     fail()",
        "[r-1] shop.Refused: closed",
        "[r-1] ready again",
    ) == [INFO, ERROR, ERROR, ERROR, ERROR, ERROR, INFO]


def test_lines_of_other_requests_and_replicas_do_not_continue_a_line() -> None:
    assert levels(
        "[replica 1] [r-1] Traceback (most recent call last):",
        "[replica 1] [r-2]   indented",
        "[replica 2] [r-1]   indented",
        "[replica 1] [r-1]   indented",
        "[replica 1] [r-1] KeyError",
    ) == [ERROR, INFO, INFO, ERROR, ERROR]


def test_the_second_line_of_a_warning() -> None:
    assert levels("x.py:3: UserWarning: old", '  warnings.warn("old")', "done") == [WARNING, WARNING, INFO]


def test_only_so_many_requests_are_remembered() -> None:
    first = "[r-0] Traceback (most recent call last):"
    others = [f"[r-{number}] x" for number in range(1, MOST_REQUESTS + 1)]
    assert levels(first, *others, "[r-0]   indented")[-1] is INFO


@pytest.mark.parametrize(
    ("text", "request_id"),
    [
        ("[9f0c-1] received 3 rows", "9f0c-1"),
        ("[replica 2] [9f0c-1] received", "9f0c-1"),
        ("x7k2p [9f0c-1] received", "9f0c-1"),
        ("value [3] of 5", ""),
        ("received [9f0c-1]", ""),
        ("[9f0c-1]", "9f0c-1"),
        ("[replica 2] started", ""),
        ('{"time": "2026-01-31T12:00:00.5Z", "request_id": "9f0c-1", "message": "received"}', "9f0c-1"),
        ('{"message": 3}', ""),
        ('x "message"', ""),
    ],
)
def test_the_request_of_a_line(text: str, request_id: str) -> None:
    (line,) = read_lines([TimedLine(None, text)])
    assert (line.request_id, line.text) == (request_id, text)


def test_a_line_of_json() -> None:
    text = json.dumps({"time": "1970-01-01T00:01:00.500Z", "stream": "stderr", "message": "ERROR no"})
    (line,) = read_lines([TimedLine(None, text)])
    assert (line.time, line.level) == (60.5, ERROR)


def test_a_line_without_a_time_has_that_of_the_line_before() -> None:
    given = [TimedLine(None, "a"), TimedLine(5.0, "b"), TimedLine(None, "c"), TimedLine(7.0, "d")]
    assert [line.time for line in read_lines(given)] == [None, 5.0, 5.0, 7.0]


@pytest.mark.parametrize(
    ("wanted", "line", "accepted"),
    [
        (LogFilter(), LogLine("", None, DEBUG, ""), True),
        (LogFilter(level=WARNING), LogLine("", None, INFO, ""), False),
        (LogFilter(level=WARNING), LogLine("", None, ERROR, ""), True),
        (LogFilter(request_id="a"), LogLine("", None, INFO, "a"), True),
        (LogFilter(request_id="a"), LogLine("", None, INFO, "ab"), False),
        (LogFilter(since=5.0), LogLine("", 5.0, INFO, ""), True),
        (LogFilter(since=5.0), LogLine("", 4.9, INFO, ""), False),
        (LogFilter(since=5.0), LogLine("", None, INFO, ""), False),
        (LogFilter(until=5.0), LogLine("", 5.1, INFO, ""), False),
        (LogFilter(until=5.0), LogLine("", None, INFO, ""), True),
    ],
)
def test_which_lines_are_wanted(wanted: LogFilter, line: LogLine, accepted: bool) -> None:
    assert wanted.accepts(line) is accepted


def test_levels_have_names() -> None:
    assert Level.named(" Warning ") is WARNING
    with pytest.raises(InvalidConfig, match="must be one of debug, info, warning, error, critical"):
        Level.named("loud")


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()),
        ("1970-01-01T00:00:01.123456789Z", 1.123456),
        ("1970-01-01T00:00:01.5Z", 1.5),
        ("1970-01-01T00:00:01", None),
        ("soon", None),
        ("", None),
    ],
)
def test_times(text: str, time: float | None) -> None:
    assert time_of(text) == time


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("1970-01-01T00:00:01.5Z two words", (1.5, "two words")),
        ("1970-01-01T00:00:01.5Z ", (1.5, "")),
        ("1970-01-01T00:00:01.5Z", (1.5, "")),
        ("unable to retrieve the log", (None, "unable to retrieve the log")),
        ("", (None, "")),
    ],
)
def test_lines_of_container_runtimes(line: str, read: tuple[float | None, str]) -> None:
    assert TimedLine.of(line) == read
