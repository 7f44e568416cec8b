"""Dynamic batching: concurrent requests are predicted in one call of run().

On a quiet service each request is a call of its own; under load, those that came in the same turn of the
event loop, or during the last call, are stacked. With a wait, which is off by default, the first one waits so
long for others: a GPU takes hardly longer for many rows than for one. The script (`batched`,
``run.batch = True``) or the deployment turns it on, since stacked rows may differ in the last bit.

Each request is read and checked by itself. One that does not fit, or cannot be stacked with the others, is
called by itself, and so is each of a batch that failed. Where calling together does not pay, or the answer
has another number of rows, it is switched off, and the log says so.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Hashable
from time import perf_counter
from typing import Any, Protocol

from mlmagic.scoring.calls.call_queue import TimeLimitExceeded
from mlmagic.scoring.calls.runner import Runner
from mlmagic.scoring.calls.stacking import Arguments, WrongRows, key_of, stacked, taken_apart

MAX_REQUESTS = 256


class Stackable(Protocol):
    """One request that may be predicted with others."""

    @property
    def arrived(self) -> float: ...

    @property
    def abandoned(self) -> bool: ...

    def prepare(self) -> Arguments | None:
        """Its arguments, read and checked; None if it has been answered with a refusal."""

    def call(self, arguments: Arguments) -> None:
        """run() for this one alone; must not raise but `TimeLimitExceeded`."""

    def take(self, answer: Any, seconds: float) -> None:
        """Its part of an answer."""

    def finish(self) -> None: ...
    def turn_away(self, limit_s: float) -> None: ...
    def give_up(self, limit_s: float) -> None: ...


class Benefit:
    """Measures whether stacking pays: seconds per request, together and one by one.

    Every `PROBE`-th batch is called one by one to be compared, until there are `ENOUGH` of each kind. Where
    the median of a request then costs more than `WORTH` of what it costs alone, it is switched off for good.
    """

    PROBE = 8
    ENOUGH = 7
    WORTH = 0.95

    def __init__(self) -> None:
        self.on = True
        self.decided = False
        self._seconds: dict[bool, list[float]] = {False: [], True: []}
        self._batches = 0

    def stack_next(self) -> bool:
        """Whether the next batch is to be stacked."""
        if self.decided or not self.on:
            return self.on
        self._batches += 1
        return self._batches % self.PROBE != 0

    def record(self, requests: int, seconds: float, *, together: bool) -> None:
        """A batch of ``requests`` took this long. Only of two and more, so that like meets like."""
        if self.decided:
            return
        self._seconds[together].append(seconds / requests)
        if min(map(len, self._seconds.values())) >= self.ENOUGH:
            self.decided = True
            self.on = self.cost(together=True) <= self.WORTH * self.cost(together=False)

    def cost(self, *, together: bool) -> float:
        """Seconds per request, the median."""
        ordered = sorted(self._seconds[together])  # not statistics.median: it imports half the library
        return ordered[len(ordered) // 2]


class Batcher:
    """Gathers requests, and has them called together; ``call`` is run() of stacked arguments."""

    def __init__(
        self,
        runner: Runner,
        call: Callable[[Arguments], Any],
        *,
        max_rows: int,
        loop: asyncio.AbstractEventLoop,
        wait_s: float = 0.0,
        benefit: Benefit | None = None,
    ) -> None:
        """``wait_s`` is how long a request waits for others; 0: not at all."""
        self._runner = runner
        self.call = call
        self.max_rows = max_rows
        self.benefit = benefit or Benefit()
        self.waiting: deque[Stackable] = deque()
        self._loop, self._wait_s = loop, wait_s
        self._timer: asyncio.TimerHandle | None = None
        self._asked = False

    def add(self, request: Stackable) -> None:
        """Answer ``request`` with the next batch."""
        self.waiting.append(request)
        if not self._asked:
            self._submit_when_due()

    def ended(self) -> None:
        """A batch has been answered; others may have come."""
        self._asked = False
        if self.waiting:
            self._submit_when_due()

    def switch_off(self, why: str) -> None:
        if self.benefit.on:
            self.benefit.on = False
            _log(why)

    def _submit_when_due(self) -> None:
        """Now, if there is no more to wait for; else when the first request has waited long enough."""
        left = 0.0
        if self._wait_s and self.benefit.on and len(self.waiting) < min(MAX_REQUESTS, self.max_rows):
            left = self.waiting[0].arrived + self._wait_s - perf_counter()
        if left <= 0:
            self._submit()
        elif self._timer is None:
            self._timer = self._loop.call_later(left, self._submit)

    def _submit(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # The runner begins after the other connections that have something to read in this turn of the loop.
        self._asked = True
        self._runner.submit(Batch(self))


class Batch:
    """One call of the runner: it takes the requests that wait when it begins."""

    time_limited = True

    def __init__(self, batcher: Batcher) -> None:
        self._batcher = batcher
        self._taken: list[Stackable] = []

    @property
    def arrived(self) -> float:
        waiting = self._batcher.waiting
        return waiting[0].arrived if waiting else perf_counter()

    @property
    def abandoned(self) -> bool:
        return all(request.abandoned for request in self._batcher.waiting)

    def perform(self) -> None:
        waiting = self._batcher.waiting
        while waiting and len(self._taken) < MAX_REQUESTS:
            self._taken.append(waiting.popleft())
        groups: dict[Hashable, list[tuple[Stackable, Arguments, int]]] = {}
        for request in self._taken:
            if request.abandoned or (arguments := request.prepare()) is None:
                continue
            found = key_of(arguments)
            if found is None:
                request.call(arguments)
            else:
                groups.setdefault(found[0], []).append((request, arguments, found[1]))
        for group in groups.values():
            for part in _within(group, self._batcher.max_rows):
                self._perform_group(part)

    def _perform_group(self, group: list[tuple[Stackable, Arguments, int]]) -> None:
        batcher = self._batcher
        if len(group) == 1:
            group[0][0].call(group[0][1])
        elif not batcher.benefit.stack_next() or not self._perform_together(group):
            start = perf_counter()
            for request, arguments, _ in group:
                request.call(arguments)
            self._measured(len(group), perf_counter() - start, together=False)

    def _perform_together(self, group: list[tuple[Stackable, Arguments, int]]) -> bool:
        """False if each is to be called by itself."""
        batcher = self._batcher
        start = perf_counter()
        try:
            answer = batcher.call(stacked([arguments for _, arguments, _ in group]))
            parts = taken_apart(answer, [rows for _, _, rows in group])
        except TimeLimitExceeded:
            raise
        except WrongRows as error:
            batcher.switch_off(str(error))
            return False
        except BaseException:  # the request that causes it raises it again, alone
            return False
        seconds = perf_counter() - start
        for (request, _, _), part in zip(group, parts, strict=True):
            request.take(part, seconds)
        self._measured(len(group), perf_counter() - start, together=True)
        return True

    def _measured(self, requests: int, seconds: float, *, together: bool) -> None:
        benefit = self._batcher.benefit
        was_on = benefit.on
        benefit.record(requests, seconds, together=together)
        if was_on and not benefit.on:
            alone, with_others = (benefit.cost(together=each) * 1e6 for each in (False, True))
            _log(f"a request takes {with_others:.0f} us in a batch and {alone:.0f} us alone")

    def finish(self) -> None:
        if self.abandoned and not self._taken:
            self._take_all()
        for request in self._taken:
            request.finish()
        self._batcher.ended()

    def turn_away(self, limit_s: float) -> None:
        """Refuse the requests that have waited that long; the others wait on."""
        waiting, now = self._batcher.waiting, perf_counter()
        while waiting and now - waiting[0].arrived >= limit_s:
            waiting.popleft().turn_away(limit_s)
        self._batcher.ended()

    def give_up(self, limit_s: float) -> None:
        self._batcher.switch_off(f"a batch exceeded the time limit of {limit_s:g} s")
        for request in self._taken:
            request.give_up(limit_s)

    def _take_all(self) -> None:
        self._taken.extend(self._batcher.waiting)
        self._batcher.waiting.clear()


def _within(
    group: list[tuple[Stackable, Arguments, int]], limit: int
) -> list[list[tuple[Stackable, Arguments, int]]]:
    """The group in parts of at most ``limit`` rows, one request at least."""
    parts: list[list[tuple[Stackable, Arguments, int]]] = []
    rows = 0
    for each in group:
        if not parts or rows + each[2] > limit:
            parts.append([])
            rows = 0
        parts[-1].append(each)
        rows += each[2]
    return parts


def _log(why: str) -> None:
    sys.stderr.write(f"mlmagic: dynamic batching is off: {why}\n")
    sys.stderr.flush()
