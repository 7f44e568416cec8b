"""Hands records over in batches from a thread of its own: whoever adds a record waits for nothing."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

_threads: weakref.WeakSet[BatchThread] = weakref.WeakSet()


class BatchThread:
    """A bounded queue, and the thread that empties it. The thread starts with the first record.

    In a process that was forked from this one the queue is empty: this process delivers its records.
    """

    def __init__(
        self,
        name: str,
        deliver: Callable[[Sequence[Any]], None],
        *,
        most_waiting: int,
        most_at_once: int,
        delay_s: float,
    ) -> None:
        """``most_waiting`` is the sum of the weights; ``delay_s`` is how long a record waits for others.

        ``deliver`` is also called after each round, with no records: it may report what was lost.
        """
        self._name, self._deliver = name, deliver
        self._most_waiting, self._most_at_once, self._delay_s = most_waiting, most_at_once, delay_s
        self._reset()
        _threads.add(self)

    def _reset(self) -> None:
        self._starting = threading.Lock()
        self._waiting: deque[tuple[Any, int]] = deque()
        self._room: float = self._most_waiting
        """Left by what waits and by what is being delivered: about, where several threads add records."""
        self._taken: list[tuple[Any, int]] = []
        """What the thread has taken from the queue; the first of them are being delivered."""
        self._wake, self._closing = threading.Event(), threading.Event()
        self._is_closed = False
        self._deadline = float("inf")
        self._thread: threading.Thread | None = None

    def add(self, record: Any, weight: int = 1) -> bool:
        """Take a record; returns at once, False if there is no room for it."""
        # Without a lock: it would be half of the time that this takes. A deque needs none.
        if weight > self._room:
            return False
        self._room -= weight
        self._waiting.append((record, weight))
        self._wake_up()
        return not self._is_closed  # if it has been closed meanwhile, perhaps nobody takes the record

    def extend(self, records: Sequence[Any], weights: Sequence[int]) -> bool:
        """Take all of these records; returns at once, False if there is no room for all."""
        weight = sum(weights)
        if weight > self._room:
            return False
        self._room -= weight
        self._waiting.extend(zip(records, weights, strict=True))
        self._wake_up()
        return not self._is_closed

    def _wake_up(self) -> None:
        if self._thread is None:
            self._start()
        if len(self._waiting) >= self._most_at_once and not self._wake.is_set():
            self._wake.set()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    @property
    def seconds_left(self) -> float:
        """Until the process ends; infinite while it goes on."""
        return self._deadline - time.monotonic()

    def may_retry_after(self, pause: float) -> bool:
        """Wait before another attempt; False, at once, if the process ends before."""
        if pause > self.seconds_left:
            return False
        if self._closing.is_set():
            time.sleep(pause)
        else:
            self._closing.wait(pause)
        return True

    def close(self, seconds: float) -> list[Any]:
        """Deliver what is waiting, for ``seconds`` at most; returns the records that are left, once."""
        if self._closing.is_set():
            return []
        self._deadline = time.monotonic() + seconds
        self._is_closed, self._room = True, float("-inf")
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(seconds)
        left = [*self._taken, *self._waiting]
        self._waiting.clear()
        return [record for record, _ in left]

    def _run(self) -> None:
        while True:
            self._wake.wait(self._delay_s)
            self._wake.clear()
            closing = self._closing.is_set()  # after that, no record is added
            # At once, so that what is added meanwhile waits for others.
            self._taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
            while self._taken:
                batch = self._taken[: self._most_at_once]
                records, weights = zip(*batch, strict=True)
                self._deliver(records)
                self._room += sum(weights)
                del self._taken[: self._most_at_once]
            self._deliver(())
            if closing:
                return


def _empty_all() -> None:
    for thread in _threads:
        thread._reset()


os.register_at_fork(after_in_child=_empty_all)
