"""run() in turn: one call at a time, in the order of arrival, where it does the least harm.

A hop to another thread costs more than a small model; a long call on the event loop makes the service
look dead. `Pace` decides from what the last calls took; `Runner` carries it out.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from time import perf_counter
from typing import Protocol


class Call(Protocol):
    """One call of the user's run()."""

    @property
    def abandoned(self) -> bool:
        """Nobody waits for it any more."""

    def perform(self) -> None:
        """Do it, in whichever thread; must not raise."""

    def finish(self) -> None:
        """Hand over what came of it, on the event loop."""


class Pace:
    """Decides whether the next call may run on the event loop.

    It may once calls are known to be short: the average is below `SHORT_S`. It may not any more after
    one that took `LONG_S`, or when the average passes `LIMIT_S`. A call that held up the loop for
    `HARM_S` makes it ask for more and more short calls in a row before it trusts again.
    """

    SHORT_S = 0.0015
    LIMIT_S = 0.002
    LONG_S = 0.005
    HARM_S = 0.1
    WEIGHT = 0.2
    PATIENCE = 10_000

    __slots__ = ("_in_a_row", "_wanted", "average", "inline")

    def __init__(self) -> None:
        self.inline = False
        self.average: float | None = None
        self._wanted = 1
        self._in_a_row = 0

    def record(self, seconds: float) -> None:
        """A call took this long."""
        average = self.average
        # One slow call must not be remembered for a hundred quick ones: it counts as 4 x LONG_S.
        seen = seconds if seconds < 4 * self.LONG_S else 4 * self.LONG_S
        self.average = average = seen if average is None else average + self.WEIGHT * (seen - average)
        if seconds >= self.LONG_S:
            self._slow(seconds)
        elif self.inline:
            self.inline = average < self.LIMIT_S
        else:
            self._in_a_row += 1
            self.inline = average < self.SHORT_S and self._in_a_row >= self._wanted

    def _slow(self, seconds: float) -> None:
        if self.inline and seconds >= self.HARM_S:
            self._wanted = min(self._wanted * 10, self.PATIENCE)
        self.inline = False
        self._in_a_row = 0


class Runner:
    """Performs calls one at a time, on the loop or in its one worker thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self._loop = loop
        self._waiting: deque[Call] = deque()
        self._away = False
        self._jobs: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None

    def submit(self, call: Call) -> None:
        """Perform ``call`` when its turn comes; it may be finished before this returns."""
        if self._away or self._waiting:
            self._waiting.append(call)
        else:
            self._start(call)

    def close(self) -> None:
        """Let the worker thread end after the call it is in."""
        if self._worker:
            self._jobs.put(None)
            self._worker = None

    def _start(self, call: Call) -> None:
        if self.pace.inline:
            start = perf_counter()
            call.perform()
            self.pace.record(perf_counter() - start)
            call.finish()
            return
        self._away = True
        if self._worker is None:
            self._worker = threading.Thread(target=self._work, name="mlmagic-run", daemon=True)
            self._worker.start()
        self._jobs.put(call)

    def _work(self) -> None:
        while (call := self._jobs.get()) is not None:
            start = perf_counter()
            call.perform()
            took = perf_counter() - start
            try:
                self._loop.call_soon_threadsafe(self._back, call, took)
            except RuntimeError:  # the loop is closed: the server has left
                return

    def _back(self, call: Call, seconds: float) -> None:
        self._away = False
        self.pace.record(seconds)
        call.finish()
        self._next()

    def _next(self) -> None:
        while self._waiting and self._waiting[0].abandoned:
            self._waiting.popleft().finish()
        if not self._waiting or self._away:
            return
        self._start(self._waiting.popleft())
        if self._waiting and not self._away:
            self._loop.call_soon(self._next)
