"""The event bus of this process: one thread waits for wake-up signals, reads the events, calls subscribers.

Subscribers are called in the bus's own thread, so they must be short, and in a kernel they may set widget
traits only (what a thread prints lands in whichever cell ran last).
"""

from __future__ import annotations

import logging
import selectors
import threading
import time
from collections.abc import Callable, Sequence

from mlmagic.core.events import Event
from mlmagic.engine.events.pace import Pace
from mlmagic.errors import WorkspaceUnavailable
from mlmagic.workspace import events
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.wakeup import WakeupListener

Subscriber = Callable[[Sequence[Event]], None]
# A signal can be lost (other machines send none here), so the rows are read every second as well.
CLOCK_SECONDS = 1.0
# A deploy is about ten events; a busy workspace has dozens a second, which may be read together.
BURST, PAUSE_SECONDS = 30, 0.1

log = logging.getLogger(__name__)


class Bus:
    """Passes new events to subscribers, and wakes threads that wait for a condition."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._subscribers: list[Subscriber] = []
        self._changed = threading.Condition()
        self._reads = 0
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call ``subscriber`` at each change with the new events; returns a function that unsubscribes it."""
        self._start()
        with self._changed:
            self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            with self._changed:
                if subscriber in self._subscribers:
                    self._subscribers.remove(subscriber)

        return unsubscribe

    def wait_until(self, condition: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until ``condition()`` is true, checked after each change; False after ``timeout`` seconds."""
        self._start()
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            with self._changed:
                seen = self._reads
            if condition():
                return True
            left = CLOCK_SECONDS if deadline is None else min(CLOCK_SECONDS, deadline - time.monotonic())
            if left <= 0:
                return False
            with self._changed:
                if self._reads == seen:
                    self._changed.wait(left)

    def close(self) -> None:
        """Stop the thread."""
        self._closing.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            self._memory.notify_all()
            thread.join(timeout=CLOCK_SECONDS * 2)

    def _start(self) -> None:
        with self._changed:
            if self._thread is None and not self._closing.is_set():
                listener = self._memory.listener()  # before the first read, so no signal is missed
                with self._memory.reading() as tx:
                    newest = events.newest_id(tx)
                self._thread = threading.Thread(
                    target=self._run, args=(listener, newest), name="mlmagic-bus", daemon=True
                )
                self._thread.start()

    def _run(self, listener: WakeupListener, last: int) -> None:
        with listener, selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            pace = Pace(BURST, PAUSE_SECONDS)
            while not self._closing.is_set():
                self._closing.wait(max(listener.pause, pace.delay(time.monotonic())))
                if selector.select(CLOCK_SECONDS):
                    listener.clear()
                try:
                    with self._memory.reading() as tx:
                        news = events.after(tx, last)
                except WorkspaceUnavailable as error:
                    self._memory.report_outage(error)
                    self._closing.wait(CLOCK_SECONDS)
                    continue
                except Exception:
                    if not self._memory.is_there:
                        return  # the workspace was deleted: no more events will come
                    log.exception("the workspace's events cannot be read")
                    continue
                if news:
                    last = news[-1].id
                    listener.was_true()
                self._publish(news)

    def _publish(self, news: Sequence[Event]) -> None:
        with self._changed:
            self._reads += 1
            self._changed.notify_all()
            subscribers = list(self._subscribers)
        for subscriber in subscribers:
            try:
                subscriber(news)
            except Exception:  # an exception in one subscriber must not stop the others
                log.exception("a subscriber of the event bus failed")
