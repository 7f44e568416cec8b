"""Watches the state of all services, for cards and tables: one subscription and one read of the rows for all.

However many cards and tables are open, a change costs one read. Watchers are called in the bus's thread, at
each change and at least every second, so what `Bus` says of subscribers holds for them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mlmagic.core.alert import Alert
from mlmagic.core.events import Event
from mlmagic.core.webservice import Webservice
from mlmagic.engine.events.bus import Bus
from mlmagic.engine.events.pace import Pace
from mlmagic.errors import WorkspaceUnavailable
from mlmagic.workspace import alerts, services
from mlmagic.workspace.memory import Memory

PAUSE_SECONDS = 0.2
"""Wake-up signals without an event report progress and come often: the rows are read this rarely for them."""
BURST, NEWS_PAUSE_SECONDS = 10, 0.5
"""For events they are read at once so many times; in a flood of events, each so many seconds."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """The services by name, their alerts that are pending or firing, and the events since the last view."""

    services: Mapping[str, Webservice] = field(default_factory=dict)
    alerts: Sequence[Alert] = ()
    news: Sequence[Event] = ()


Watcher = Callable[[View], None]


class ServiceWatcher:
    """Reads the services at each change, and calls its watchers."""

    def __init__(self, memory: Memory, bus: Bus) -> None:
        self._memory, self._bus = memory, bus
        self._lock = threading.Lock()
        self._watchers: list[Watcher] = []
        self._leave: Callable[[], None] | None = None
        self._seen: dict[str, Webservice] = {}
        self._looked = 0.0
        self._pace = Pace(BURST, NEWS_PAUSE_SECONDS)
        self._news: list[Event] = []
        """Events that the watchers have not been told yet."""

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call ``watcher`` with each view from now on; returns how to stop it."""
        with self._lock:
            self._watchers.append(watcher)
            if self._leave is None:
                self._leave = self._bus.subscribe(self._hear)
        return lambda: self._end(watcher)

    @property
    def watchers(self) -> int:
        """The number of watchers."""
        return len(self._watchers)

    def _end(self, watcher: Watcher) -> None:
        with self._lock:
            if watcher in self._watchers:
                self._watchers.remove(watcher)
            if not self._watchers and self._leave is not None:
                self._leave()
                self._leave = None

    def _hear(self, news: Sequence[Event]) -> None:
        now = time.monotonic()
        self._news += news
        if not news and now - self._looked < PAUSE_SECONDS:
            return
        if self._news and self._pace.delay(now):
            return  # the bus calls again within a second
        self._looked = now
        with self._lock:  # before the read: a later watcher gets no earlier events
            watchers = list(self._watchers)
        try:
            with self._memory.reading() as tx:
                found, pending = services.list_services(tx), alerts.list_alerts(tx)
        except WorkspaceUnavailable:
            return  # the bus logs it and tries again
        # Unchanged services stay the same objects, so that watchers can compare them quickly.
        self._seen = {each.name: self._same(each) for each in found}
        view = View(self._seen, pending, tuple(self._news))
        self._news.clear()
        for watcher in watchers:
            try:
                watcher(view)
            except Exception:  # an exception in one watcher must not stop the others
                log.exception("a watcher of the services failed")

    def _same(self, service: Webservice) -> Webservice:
        before = self._seen.get(service.name)
        return before if before == service else service
