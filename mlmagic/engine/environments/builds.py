"""Environments being made while services wait for them, each by a thread of its own.

A supervisor asks at each turn and is never kept waiting; what nobody waits for any more is given up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlmagic.core.environment import needs_of
from mlmagic.engine.environments.build import build
from mlmagic.engine.environments.place import choose
from mlmagic.engine.environments.specification import Specification
from mlmagic.engine.environments.store import Store


@dataclass(frozen=True, slots=True)
class Ready:
    """An interpreter that can be started."""

    python: str
    server_path: str | None = None
    """For PYTHONPATH, where the interpreter does not have us installed."""
    notes: tuple[str, ...] = ()
    """What was told while it was made; nothing if it was there."""


@dataclass(slots=True)
class Building:
    """One that is not there yet."""

    specification: Specification
    words: str = "its environment is being made"
    """The last line that was told."""
    notes: list[str] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    """Ids of the services that wait for it."""
    error: Exception | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)


def make_ready(
    python: str, environment: Mapping[str, Any] | None, run_dir: Path, report: Callable[[str], None]
) -> Ready:
    """The interpreter of what is about to run, made if need be; for those who can wait.

    Raises what the making raises.
    """
    builds = Builds()
    try:
        while isinstance(found := builds.look("", python, environment, run_dir), Building):
            found.done.wait(timeout=0.5)
            report(found.words)
        return found
    finally:
        builds.close()


class Builds:
    """What one supervisor has made; ``changed`` is called from other threads when there is news."""

    def __init__(self, store: Store | None = None, changed: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._changed = changed
        self._lock = threading.Lock()
        self._running: dict[str, Building] = {}

    @property
    def store(self) -> Store:
        """Where environments are; found when it is first needed."""
        if self._store is None:
            self._store = Store()
        return self._store

    def look(
        self, service_id: str, python: str, environment: Mapping[str, Any] | None, run_dir: Path
    ) -> Ready | Building:
        """The interpreter of a revision; or how far it is made, which begins with the first look.

        Raises what the making raised, once: the next look begins anew.
        """
        key = self.store.key_of(python)
        if key is None:
            named = needs_of(environment)
            is_foreign = named.user_managed and str(Path(named.interpreter).expanduser().absolute()) == python
            return Ready(python, str(self.store.server()) if is_foreign else None)
        with self._lock:
            running = self._running.get(key)
            if running is None and self.store.is_built(key):
                return self._ready(key, run_dir)
            if running is None:
                specification = self.store.wanted(key)
                if specification is None:  # the store was removed since
                    chosen = choose(environment, self.store, nearest=True, notify=lambda line: None)
                    if chosen.specification is None:
                        return Ready(chosen.python)
                    specification = chosen.specification
                running = self._start(key, specification)
            running.waiting.add(service_id)
            if not running.done.is_set():
                return running
            del self._running[key]
        if running.error is not None:
            raise running.error
        return self._ready(running.specification.key, run_dir, tuple(running.notes))

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
            running.done.wait(timeout=10)

    def _start(self, key: str, specification: Specification) -> Building:
        running = self._running[key] = Building(specification)
        threading.Thread(target=self._make, args=(running,), name="mlmagic-environment", daemon=True).start()
        return running

    def _make(self, running: Building) -> None:
        def report(line: str) -> None:
            running.notes.append(line)
            running.words = f"its environment is being made: {line}"
            self._changed()

        try:
            build(running.specification, self.store, report, running.cancelled)
        except Exception as error:
            running.error = error
        finally:
            running.done.set()
            if not running.cancelled.is_set():
                self._changed()

    def _ready(self, key: str, run_dir: Path, notes: tuple[str, ...] = ()) -> Ready:
        self.store.note_use(key, str(run_dir))
        return Ready(str(self.store.python(key)), str(self.store.server()), notes)
