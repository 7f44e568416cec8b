"""Several logs as one: in the order of their times, or as their lines arrive."""

from __future__ import annotations

import heapq
import math
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from mlmagic.core.log_lines import TimedLine

Key = TypeVar("Key")


def in_order(logs: Mapping[Key, Iterable[TimedLine]]) -> Iterator[tuple[Key, TimedLine]]:
    """The lines of logs that have ended, by time, each with the key of its log.

    Lines of one log keep their order. One whose time is unknown follows the line before.
    """
    timed = [_with_times(key, log) for key, log in logs.items()]
    return ((key, line) for _, key, line in heapq.merge(*timed, key=lambda each: each[0]))


def arriving(logs: Mapping[Key, Iterable[TimedLine]]) -> Iterator[tuple[Key, TimedLine]]:
    """The lines of logs that are followed, as they come, each with the key of its log, until all have ended.

    The threads that read them end with the next line, or with their log.
    """
    lines: queue.SimpleQueue[tuple[Key, TimedLine] | None] = queue.SimpleQueue()
    done = threading.Event()

    def read(key: Key, log: Iterable[TimedLine]) -> None:
        try:
            for line in log:
                if done.is_set():
                    return
                lines.put((key, line))
        finally:
            lines.put(None)

    for each in logs.items():
        threading.Thread(target=read, args=each, name="mlmagic-log", daemon=True).start()
    left = len(logs)
    try:
        while left:
            line = lines.get()
            if line is None:
                left -= 1
            else:
                yield line
    finally:
        done.set()


def _with_times(key: Key, log: Iterable[TimedLine]) -> Iterator[tuple[float, Key, TimedLine]]:
    latest = -math.inf
    for line in log:
        latest = latest if line.time is None else max(latest, line.time)
        yield latest, key, line
