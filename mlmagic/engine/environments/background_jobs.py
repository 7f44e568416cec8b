"""Background jobs: builds of environments and images, each in a thread of its own, while services wait.

A supervisor looks at a job in each reconciliation and never blocks on it. A job that no service waits for
is cancelled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from mlmagic.targets.base import Report

Build = Callable[[Report, threading.Event], None]
"""Builds the thing and reports each line of progress; stops soon after the event is set."""
CLOSE_SECONDS = 10


@dataclass(slots=True)
class BackgroundJob:
    """One build: running or finished."""

    words: str
    """The last line of progress."""
    notes: list[str] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    """Ids of the services that wait for the job."""
    error: Exception | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)


class BackgroundJobs:
    """The jobs of one supervisor; ``changed`` is called from their threads at each progress and end."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._running: dict[str, BackgroundJob] = {}

    def is_under_way(self, key: str) -> bool:
        """Whether the job of this key runs, or has finished and nobody has looked since."""
        with self._lock:
            return key in self._running

    def look(self, service_id: str, key: str, what: str, build: Build) -> BackgroundJob:
        """The job that builds ``what``; the first look starts it.

        Raises what a failed build raised, once: the next look starts a new build.
        """
        with self._lock:
            running = self._running.get(key)
            if running is None:
                running = self._running[key] = BackgroundJob(f"building {what}")
                threading.Thread(
                    target=self._build, args=(running, what, build), name="mlmagic-build", daemon=True
                ).start()
            running.waiting.add(service_id)
            if not running.done.is_set():
                return running
            del self._running[key]
        if running.error is not None:
            raise running.error
        return running

    def drop(self, service_id: str) -> None:
        """Remove a service from those that wait; jobs that no service waits for are cancelled."""
        with self._lock:
            for key, running in list(self._running.items()):
                running.waiting.discard(service_id)
                if not running.waiting:
                    running.cancelled.set()
                    del self._running[key]

    def close(self) -> None:
        """Cancel all jobs; returns when no job runs any more."""
        with self._lock:
            left = list(self._running.values())
            self._running.clear()
        for running in left:
            running.cancelled.set()
        for running in left:
            running.done.wait(timeout=CLOSE_SECONDS)

    def _build(self, running: BackgroundJob, what: str, build: Build) -> None:
        def report(line: str) -> None:
            if running.notes[-1:] != [line]:
                running.notes.append(line)
                running.words = f"building {what}: {line}"
                self._changed()

        try:
            build(report, running.cancelled)
        except Exception as error:
            running.error = error
        finally:
            running.done.set()
            if not running.cancelled.is_set():
                self._changed()
