"""The queue of calls: at most so many at a time, in the order of arrival, each with a limit to its wait."""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections import deque
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar


class TimeLimitExceeded(BaseException):
    """Raised inside run() when its time limit is over; ``except Exception`` in a script does not catch it."""


class Call(Protocol):
    """One call of the user's run()."""

    @property
    def arrived(self) -> float:
        """When its request arrived, by `time.perf_counter`."""

    @property
    def abandoned(self) -> bool:
        """The client has disconnected."""

    def finish(self) -> None:
        """Send its answer; on the event loop."""

    def turn_away(self, limit_s: float) -> None:
        """Refuse it: it has waited ``limit_s`` for its turn."""

    def give_up(self, limit_s: float) -> None:
        """Answer that it timed out after ``limit_s``; a result that still comes is ignored."""


C = TypeVar("C", bound=Call)


class CallQueue(ABC, Generic[C]):
    """At most ``concurrent`` calls at a time; None is any number."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, concurrent: int | None, wait_s: float | None = None
    ) -> None:
        self._loop = loop
        self._free: float = concurrent or math.inf
        self._wait_s = wait_s
        self._waiting: deque[C] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def submit(self, call: C) -> None:
        """Start ``call`` as soon as the limit allows."""
        if self._free and not self._waiting:
            self._start(call)
        else:
            self._waiting.append(call)
            self._watch()

    @abstractmethod
    def _begin(self, call: C) -> None:
        """Start it; `_done` will be called."""

    def _done(self, call: C) -> None:
        self._free += 1
        call.finish()
        self._next()

    def _start(self, call: C) -> None:
        self._free -= 1
        self._begin(call)

    def _next(self) -> None:
        while self._waiting and self._free:
            call = self._waiting.popleft()
            if call.abandoned:
                call.finish()
            else:
                self._start(call)

    def _watch(self) -> None:
        """Set a timer for the call that has waited longest."""
        if self._timer is None and self._wait_s is not None and self._waiting:
            left = self._waiting[0].arrived + self._wait_s - perf_counter()
            self._timer = self._loop.call_later(max(left, 0), self._turn_away)

    def _turn_away(self) -> None:
        self._timer = None
        assert self._wait_s is not None
        now = perf_counter()
        while self._waiting and now - self._waiting[0].arrived >= self._wait_s:
            self._waiting.popleft().turn_away(self._wait_s)
        self._watch()


class AsyncCall(Call, Protocol):
    """A call of an async run()."""

    async def perform(self) -> None:
        """Make the call; must not raise."""


class TaskRunner(CallQueue[AsyncCall]):
    """Makes the calls of an async run(), as tasks of the event loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        concurrent: int | None = None,
        wait_s: float | None = None,
        timeout_s: float | None = None,
    ) -> None:
        super().__init__(loop, concurrent=concurrent, wait_s=wait_s)
        self._timeout_s = timeout_s
        self._tasks: set[asyncio.Task[Any]] = set()

    def _begin(self, call: AsyncCall) -> None:
        task = self._loop.create_task(call.perform())
        self._tasks.add(task)
        timer = None
        if self._timeout_s is not None:
            timer = self._loop.call_later(self._timeout_s, self._overdue, task, call)
        task.add_done_callback(lambda task: self._ended(task, call, timer))

    def _overdue(self, task: asyncio.Task[Any], call: AsyncCall) -> None:
        assert self._timeout_s is not None
        call.give_up(self._timeout_s)
        task.cancel()

    def _ended(self, task: asyncio.Task[Any], call: AsyncCall, timer: asyncio.TimerHandle | None) -> None:
        self._tasks.discard(task)
        if timer:
            timer.cancel()
        self._done(call)
