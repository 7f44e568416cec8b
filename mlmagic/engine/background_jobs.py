"""What is being made while services wait for it (an environment, an image), each by a thread of its own.

A supervisor asks at each turn and is never kept waiting; what nobody waits for any more is given up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from mlmagic.targets.base import Report

Make = Callable[[Report, threading.Event], None]
"""Makes it, telling each line; gives up soon after the event is set."""
CLOSE_SECONDS = 10


@dataclass(slots=True)
class BackgroundJob:
    """One thing on its way, or made."""

    words: str
    """The last line that was told."""
    notes: list[str] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    """Ids of the services that wait for it."""
    error: Exception | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)


class BackgroundJobs:
    """What one supervisor has made; ``changed`` is called from other threads when there is news."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._running: dict[str, BackgroundJob] = {}

    def is_under_way(self, key: str) -> bool:
        """Whether it is being made, or is made and nobody has looked since."""
        with self._lock:
            return key in self._running

    def look(self, service_id: str, key: str, what: str, make: Make) -> BackgroundJob:
        """How far ``what`` has come, which begins with the first look.

        Raises what the making raised, once: the next look begins anew.
        """
        with self._lock:
            running = self._running.get(key)
            if running is None:
                running = self._running[key] = BackgroundJob(f"{what} is being made")
                threading.Thread(
                    target=self._make, args=(running, what, make), name="mlmagic-making", daemon=True
                ).start()
            running.waiting.add(service_id)
            if not running.done.is_set():
                return running
            del self._running[key]
        if running.error is not None:
            raise running.error
        return running

    def drop(self, service_id: str) -> None:
        """A service waits no more; what nobody waits for is given up."""
        with self._lock:
            for key, running in list(self._running.items()):
                running.waiting.discard(service_id)
                if not running.waiting:
                    running.cancelled.set()
                    del self._running[key]

    def close(self) -> None:
        """Give all up; returns when nothing runs any more."""
        with self._lock:
            left = list(self._running.values())
            self._running.clear()
        for running in left:
            running.cancelled.set()
        for running in left:
            running.done.wait(timeout=CLOSE_SECONDS)

    def _make(self, running: BackgroundJob, what: str, make: Make) -> None:
        def report(line: str) -> None:
            if running.notes[-1:] != [line]:
                running.notes.append(line)
                running.words = f"{what} is being made: {line}"
                self._changed()

        try:
            make(report, running.cancelled)
        except Exception as error:
            running.error = error
        finally:
            running.done.set()
            if not running.cancelled.is_set():
                self._changed()
