"""The counters of the workers of one service, in memory that they share: any of them answers for all.

Each worker has a place and writes to no other. What a worker has counted stays when it ends, and its
successor counts on from there, so that no figure ever falls.
"""

from __future__ import annotations

import mmap
import time
from bisect import bisect_left

from mlmagic.scoring.metrics import FINE_BOUNDS_S, Counters

_STATUSES = 600
_DURATIONS = _STATUSES
_UNREAD = _DURATIONS + len(FINE_BOUNDS_S) + 1
_DESCRIPTORS, _IN_FLIGHT, _CLOSED, _NANOSECONDS, _COLLECTED, _UNCOLLECTED = range(_UNREAD + 1, _UNREAD + 7)
_FIELDS = _UNCOLLECTED + 1


class Counts:
    """The places of up to ``most`` workers. Made by the dispatcher before it forks them."""

    def __init__(self, most: int) -> None:
        self.instance = Counters().instance
        self.started = time.monotonic()
        self.most = most
        self._cells = memoryview(mmap.mmap(-1, (most * _FIELDS + 1) * 8)).cast("Q")

    @property
    def used(self) -> int:
        """How many places have ever been used: the first ones, kept in the last cell."""
        return self._cells[-1]

    def place(self, number: int) -> memoryview:
        """The cells of one worker, counted from 0."""
        return self._cells[number * _FIELDS : (number + 1) * _FIELDS]

    def closed(self, number: int) -> int:
        """How many connections the worker of this place has closed."""
        return self.place(number)[_CLOSED]

    def note_closed(self, number: int) -> None:
        """The worker of this place has closed a connection."""
        self.place(number)[_CLOSED] += 1

    def clear(self, number: int) -> None:
        """Prepare a place for a new worker: it has closed no connection, and nothing is in flight."""
        place = self.place(number)
        place[_IN_FLIGHT] = place[_CLOSED] = 0
        self._cells[-1] = max(self.used, number + 1)

    def sum_of(self, field: int) -> int:
        """The sum of one field over all workers."""
        return sum(self._cells[field : self.used * _FIELDS : _FIELDS])

    @property
    def activity(self) -> tuple[int, int]:
        """The scoring requests that were answered, and those in flight."""
        answered = sum(self.sum_of(_DURATIONS + bucket) for bucket in range(len(FINE_BOUNDS_S) + 1))
        return answered, self.sum_of(_IN_FLIGHT)


def _cell(field: int) -> property:
    """An attribute that is a cell of the worker's place."""

    def read(counters: WorkerCounters) -> int:
        return counters.place[field]

    def write(counters: WorkerCounters, value: int) -> None:
        counters.place[field] = value

    return property(read, write)


class WorkerCounters(Counters):
    """The counters of one worker, which also tell those of all."""

    __slots__ = ("_counts", "place")

    in_flight = _cell(_IN_FLIGHT)
    unread = _cell(_UNREAD)
    descriptors = _cell(_DESCRIPTORS)
    collected = _cell(_COLLECTED)
    uncollected = _cell(_UNCOLLECTED)

    def __init__(self, counts: Counts, number: int) -> None:
        self._counts, self.place = counts, counts.place(number)
        kept = self.unread, self.descriptors, self.collected, self.uncollected
        super().__init__()
        self.unread, self.descriptors, self.collected, self.uncollected = kept
        self.instance, self.started = counts.instance, counts.started

    def record(self, seconds: float, status: int) -> None:
        place = self.place
        place[min(status, _STATUSES - 1)] += 1
        place[_DURATIONS + bisect_left(FINE_BOUNDS_S, seconds)] += 1
        place[_NANOSECONDS] += int(seconds * 1e9)
        self.latest.append(seconds)

    def totals(self) -> Counters:
        """Those of all workers; the latest durations are this worker's."""
        counts, sums = self._counts, Counters()
        for number in range(counts.used):
            for status, count in enumerate(counts.place(number)[:_STATUSES]):
                if count:
                    sums.by_status[status] = sums.by_status.get(status, 0) + count
        sums.durations = [counts.sum_of(_DURATIONS + bucket) for bucket in range(len(self.durations))]
        sums.seconds = counts.sum_of(_NANOSECONDS) / 1e9
        sums.unread, sums.descriptors = counts.sum_of(_UNREAD), counts.sum_of(_DESCRIPTORS)
        sums.in_flight = counts.sum_of(_IN_FLIGHT)
        sums.collected, sums.uncollected = counts.sum_of(_COLLECTED), counts.sum_of(_UNCOLLECTED)
        sums.instance, sums.started, sums.latest = self.instance, self.started, self.latest
        return sums
