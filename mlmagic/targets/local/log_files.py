"""Reads the log of a server across the files that its rotation leaves.

The server writes a time and a stream before each line, as container runtimes do (see `mlmagic.scoring.logs`).
What something else has written into the file, such as a program that the script runs, has no time.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TextIO

from mlmagic.core.log_lines import TimedLine, time_of
from mlmagic.scoring.log_rotation import older

LINE_BYTES = 4096
"""How much of a long log is read for each requested line."""
_TIMED = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) std(out|err) F (?P<text>.*)", re.DOTALL
)


def lines_of(path: Path, tail: int, wait: Callable[[], bool] | None = None) -> Iterator[TimedLine]:
    """The last ``tail`` lines of the log, oldest first, without line ends.

    With ``wait``, the lines to come too: it is called where there is none, and returns False at the end.
    """
    return map(_timed, _written(path, tail, wait))


def _timed(line: str) -> TimedLine:
    found = _TIMED.fullmatch(line)
    return TimedLine(time_of(found["time"]), found["text"]) if found else TimedLine(None, line)


def _written(path: Path, tail: int, wait: Callable[[], bool] | None = None) -> Iterator[str]:
    """The lines as they are in the files."""
    try:
        log = _opened(path)
    except FileNotFoundError:
        return
    try:
        last = _last(log, tail)
        for number in count(1):
            if len(last) >= tail:
                break
            try:
                with _opened(older(path, number)) as before:
                    last.extendleft(reversed(_last(before, tail - len(last))))
            except FileNotFoundError:
                break
        yield from last
        while wait is not None:
            if line := log.readline():
                yield line.rstrip("\n")
            elif _was_replaced(path, log) and not (line := log.readline()):
                log.close()
                log = _opened(path)
            elif line:
                yield line.rstrip("\n")
            elif not wait():
                return
    except FileNotFoundError:
        return
    finally:
        log.close()


def _opened(path: Path) -> TextIO:
    return path.open(encoding="utf-8", errors="replace")


def _last(log: TextIO, tail: int) -> deque[str]:
    log.seek(max(0, os.fstat(log.fileno()).st_size - tail * LINE_BYTES))
    return deque((line.rstrip("\n") for line in log), maxlen=max(tail, 0))


def _was_replaced(path: Path, log: TextIO) -> bool:
    """Whether another file has the name now; what was written before is in this one by then."""
    return not os.path.samestat(path.stat(), os.fstat(log.fileno()))
