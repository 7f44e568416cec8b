"""The calls of a plain run(), in the order of arrival, within their limits."""

from __future__ import annotations

import asyncio
import faulthandler
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

from mlmagic.scoring.calls.call_queue import CallQueue, TimeLimitExceeded
from mlmagic.scoring.calls.call_thread import CallThread, ExtraThread, SyncCall
from mlmagic.scoring.calls.script_thread import SHARED_PATIENCE_S, ScriptThread

TOGETHER_S = 0.002
"""Calls follow one another for so long before their answers leave and the event loop has a turn."""
INTERRUPT_S = 1.0
"""How long an interrupted call has to end before another thread makes the next one."""


class Runner(CallQueue[SyncCall]):
    """Has calls made by the script's thread, and by extra ones where ``concurrent`` is more than 1.

    Those that arrive in one turn of the event loop are made after all of them have been read, and answered
    after all have been made. A small model takes twice the time where its code and data leave the processor's
    caches for those of a socket between any two calls.
    """

    def __init__(
        self,
        thread: ScriptThread,
        *,
        concurrent: int = 1,
        wait_s: float | None = None,
        timeout_s: float | None = None,
    ) -> None:
        super().__init__(thread.loop, concurrent=concurrent, wait_s=wait_s)
        self._thread = thread
        self._concurrent = concurrent
        thread.host = self
        if concurrent > 1:
            thread.patience_s = SHARED_PATIENCE_S
        self._timeout_s = timeout_s
        self._idle: list[ExtraThread] = []
        self._made: list[SyncCall] = []
        """Calls that were made while nobody runs the loop, and are to be answered."""
        self._scheduled = False

    # ---- on the event loop ----------------------------------------------------------------------

    def submit(self, call: SyncCall) -> None:
        """Make ``call`` when its turn comes; never before this returns."""
        self._waiting.append(call)
        if self._thread.away:
            if not self._scheduled:
                self._scheduled = True
                self._loop.call_soon(self._scheduled_next)
        elif self._free:
            self._thread.leave_loop()
        else:
            self._watch()

    async def run(self, function: Callable[[], Any]) -> Any:
        """The result of ``function``, called on the script's thread, without a time limit."""
        result: asyncio.Future[Any] = self._loop.create_future()
        self.submit(_FunctionCall(self, function, result))
        return await result

    def close(self) -> None:
        """Let the threads end after the calls they are in; the script's own call is interrupted."""
        for thread in self._idle:
            thread.end()
        self._idle.clear()
        self._thread.close()

    @property
    def stuck(self) -> bool:
        """Whether the script's thread is still inside a call."""
        return self._thread.call is not None

    def _scheduled_next(self) -> None:
        self._scheduled = False
        self._next()

    def _next(self) -> None:
        thread = self._thread
        if thread.away:
            if thread.leaving:
                return  # the script's thread looks at what waits when it has the loop
            # With one call at a time the loop returns after each long one: quick calls that wait cost less
            # there. With more, threads that are free would wait for the loop.
            if thread.call is not None or self._concurrent > 1:
                super()._next()
            if thread.call is None:
                thread.leave_loop()
        elif self._waiting and self._free:
            thread.leave_loop()
        if self._waiting:
            self._watch()

    def _begin(self, call: SyncCall) -> None:
        thread: CallThread = self._thread
        if thread.call is not None:
            thread = self._idle.pop() if self._idle else ExtraThread(self._loop, self)
        thread.start(call)
        self._limit(thread, call, perf_counter())

    def _limit(self, thread: CallThread, call: SyncCall, began: float) -> None:
        if self._timeout_s is not None and call.time_limited:
            left = began + self._timeout_s - perf_counter()
            thread.timer = self._loop.call_later(max(left, 0), self._overdue, thread, call)

    def _overdue(self, thread: CallThread, call: SyncCall) -> None:
        assert self._timeout_s is not None
        call.give_up(self._timeout_s)
        thread.interrupt(call)
        thread.timer = self._loop.call_later(INTERRUPT_S, self._replace, thread, call)

    def _replace(self, thread: CallThread, call: SyncCall) -> None:
        """It is in code that cannot be interrupted: leave it, and let another thread make the next call."""
        sys.stderr.write(
            f"mlmagic: run() exceeded its time limit of {self._timeout_s:g} s and cannot be interrupted. "
            "Until it returns, another thread calls run(). This is where it is:\n"
        )
        sys.stderr.flush()
        faulthandler.dump_traceback(2)  # all threads
        thread.timer = None
        thread.replaced = True
        thread.end()
        self._done(call)

    def moved(self, began: float) -> None:
        self._answer_made()
        self._free -= 1
        assert self._thread.call is not None
        self._limit(self._thread, self._thread.call, began)
        self._next()

    def ended(self, thread: CallThread, call: SyncCall) -> None:
        if thread.call is not call:
            return
        thread.call = None
        if thread.timer:
            thread.timer.cancel()
            thread.timer = None
        if thread.replaced:
            thread.replaced = False  # the script's thread is there again; an extra one has ended
            self._next()
            return
        if isinstance(thread, ExtraThread):
            self._idle.append(thread)
        self._done(call)

    def _answer_made(self) -> None:
        made, self._made = self._made, []
        for call in made:
            call.finish()

    # ---- on the script's thread -----------------------------------------------------------------

    def perform_waiting(self) -> None:
        waiting, made = self._waiting, self._made
        until = 0.0
        while waiting and self._free:
            call = waiting.popleft()
            if call.abandoned:
                made.append(call)
                continue
            began = perf_counter()
            if until and began >= until:
                waiting.appendleft(call)
                break
            until = until or began + TOGETHER_S
            if not self._thread.perform(call, began):
                return  # the deputy has the loop, and all else
            made.append(call)
        if made:
            self._answer_made()
            if waiting:
                self._next()


class _FunctionCall:
    """A function of ours as a call."""

    time_limited = False
    abandoned = False

    def __init__(self, runner: Runner, function: Callable[[], Any], result: asyncio.Future[Any]) -> None:
        self._runner = runner
        self._function = function
        self._future = result
        self._result: Any = None
        self._error: BaseException | None = None
        self.arrived = perf_counter()

    def perform(self) -> None:
        try:
            self._result = self._function()
        except TimeLimitExceeded:
            raise
        except BaseException as error:
            self._error = error

    def finish(self) -> None:
        if self._future.done():
            return
        if self._error is not None:
            self._future.set_exception(self._error)
        else:
            self._future.set_result(self._result)

    def turn_away(self, limit_s: float) -> None:
        # It waits as long as it takes.
        self.arrived = perf_counter()
        self._runner.submit(self)

    def give_up(self, limit_s: float) -> None:
        raise AssertionError("it has no time limit")
