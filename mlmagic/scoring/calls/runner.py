"""run() in turn, where it does the least harm.

A hop to another thread costs more than a small model; a long call on the event loop makes the service
look dead. `Pace` decides from what the last calls took; `Runner` carries it out, and interrupts what takes
longer than it may.
"""

from __future__ import annotations

import asyncio
import ctypes
import queue
import signal
import sys
import threading
from time import perf_counter
from types import FrameType
from typing import Protocol

from mlmagic.scoring.calls.turns import Call, Overdue, Turns

TOGETHER_S = 0.002
"""Calls on the loop follow one another for so long before their answers leave and others have a turn."""
INTERRUPT_S = 1.0
"""How long an interrupted call has to end before another thread takes its turn."""


class SyncCall(Call, Protocol):
    """A call of a plain run()."""

    def perform(self) -> None:
        """Do it, in whichever thread; must not raise."""


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


class Runner(Turns[SyncCall]):
    """Performs calls in turn, on the loop or in worker threads, ``concurrent`` of them at a time.

    Those that arrive in one turn of the loop are performed after all of them have been read, and answered
    after all have been performed. A small model takes twice the time where its code and data leave the
    processor's caches for those of a socket between any two calls.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pace: Pace | None = None,
        *,
        concurrent: int = 1,
        wait_s: float | None = None,
        timeout_s: float | None = None,
    ) -> None:
        super().__init__(loop, concurrent=concurrent, wait_s=wait_s)
        self.pace = pace or Pace()
        self._timeout_s = timeout_s
        self._alarm = Alarm(timeout_s) if timeout_s and Alarm.works() else None
        self._idle: list[_Worker] = []
        self._asked = False

    def submit(self, call: SyncCall) -> None:
        """Perform ``call`` when its turn comes; never before this returns."""
        self._waiting.append(call)
        self._ask()

    def close(self) -> None:
        """Let the worker threads end after the calls they are in."""
        for worker in self._idle:
            worker.end()
        self._idle.clear()

    def _ask(self) -> None:
        if not self._asked:
            self._asked = True
            self._loop.call_soon(self._asked_for)

    def _asked_for(self) -> None:
        self._asked = False
        self._next()

    def _next(self) -> None:
        seconds = 0.0
        performed = []
        while self._waiting and self._free and seconds < TOGETHER_S:
            call = self._waiting.popleft()
            if call.abandoned:
                performed.append(call)
            elif self.pace.inline:
                seconds += self._perform_here(call)
                performed.append(call)
            else:
                self._start(call)
        for call in performed:
            call.finish()
        if self._waiting:
            if self._free:
                self._ask()
            self._watch()

    def _begin(self, call: SyncCall) -> None:
        worker = self._idle.pop() if self._idle else _Worker(self)
        worker.take(call)
        if self._timeout_s is not None:
            worker.timer = self._loop.call_later(self._timeout_s, self._overdue, worker, call)

    def _perform_here(self, call: SyncCall) -> float:
        """The seconds it took."""
        start = perf_counter()
        if self._alarm is None:
            call.perform()
        elif not self._alarm.guard(call):
            call.give_up(self._alarm.seconds)
        seconds = perf_counter() - start
        self.pace.record(seconds)
        return seconds

    def _overdue(self, worker: _Worker, call: SyncCall) -> None:
        assert self._timeout_s is not None
        call.give_up(self._timeout_s)
        worker.interrupt(call)
        worker.timer = self._loop.call_later(INTERRUPT_S, self._replace, worker, call)

    def _replace(self, worker: _Worker, call: SyncCall) -> None:
        """It is in code that cannot be interrupted: let it be, and give its turn to another."""
        sys.stderr.write(
            f"mlmagic: a run() that passed its time limit of {self._timeout_s:g} s cannot be interrupted; "
            "another thread goes on in its place\n"
        )
        worker.timer = None
        worker.replaced = True
        worker.end()
        self._done(call)

    def back(self, worker: _Worker, call: SyncCall, seconds: float) -> None:
        """A worker has ended a call; on the loop."""
        if worker.replaced or worker.busy_with is not call:
            return
        worker.busy_with = None
        if worker.timer:
            worker.timer.cancel()
            worker.timer = None
        self._idle.append(worker)
        self.pace.record(seconds)
        self._done(call)

    def call_back(self, worker: _Worker, call: SyncCall, seconds: float) -> None:
        """The same, from the worker's thread. RuntimeError: the loop is closed, the server has left."""
        self._loop.call_soon_threadsafe(self.back, worker, call, seconds)


class _Worker:
    """A thread that performs what it is given, one call at a time."""

    def __init__(self, runner: Runner) -> None:
        self.timer: asyncio.TimerHandle | None = None
        self.replaced = False
        self.busy_with: SyncCall | None = None
        self._runner = runner
        self._jobs: queue.SimpleQueue[SyncCall | None] = queue.SimpleQueue()
        self._inside: SyncCall | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="mlmagic-run", daemon=True)
        self._thread.start()

    def take(self, call: SyncCall) -> None:
        self.busy_with = call
        self._jobs.put(call)

    def end(self) -> None:
        self._jobs.put(None)

    def interrupt(self, call: SyncCall) -> None:
        """Raise `Overdue` in the thread if it is still inside ``call``."""
        with self._lock:
            if self._inside is call and self._thread.ident:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._thread.ident), ctypes.py_object(Overdue)
                )

    def _work(self) -> None:
        call: SyncCall | None = None
        start = 0.0
        while True:
            # The interruption of a call may arrive a moment after its end. Whatever it hits is done again;
            # `back` does not mind to be called twice.
            try:
                if call is not None:
                    self._runner.call_back(self, call, perf_counter() - start)
                call = self._jobs.get()
                if call is None:
                    return
                start = perf_counter()
                self._perform(call)
            except Overdue:
                continue
            except RuntimeError:  # the loop is closed: the server has left
                return

    def _perform(self, call: SyncCall) -> None:
        self._inside = call
        try:
            call.perform()
        finally:
            with self._lock:
                self._inside = None


class Alarm:
    """Interrupts what runs on the event loop's own thread, by SIGALRM as the reference server does.

    The timer is not set for each call, which would cost more than a small model: it is set once, and the
    handler looks whether a call is going on, and whether its time is over.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._deadline = 0.0
        """Of the call that is going on; 0 between calls: an alarm that comes late hits nothing."""
        self._set = False
        signal.signal(signal.SIGALRM, self._ring)

    @staticmethod
    def works() -> bool:
        """Only the main thread has signals, and only POSIX has this one."""
        return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()

    def guard(self, call: SyncCall) -> bool:
        """Perform ``call``; False if it was interrupted."""
        try:
            self._deadline = perf_counter() + self.seconds
            if not self._set:
                self._set_timer(self.seconds)
            call.perform()
            self._deadline = 0.0
        except Overdue:
            return False
        finally:
            self._deadline = 0.0
        return True

    def _set_timer(self, seconds: float) -> None:
        self._set = True
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        self._set = False
        if not self._deadline:
            return
        left = self._deadline - perf_counter()
        if left > 0:
            self._set_timer(left)
            return
        self._deadline = 0.0
        raise Overdue
