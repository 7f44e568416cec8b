"""The data of a live card, independent of its widgets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from traitlets import Bool, Dict, HasTraits, List, Tuple, Unicode

from mlmagic.core.events import Event, EventKind
from mlmagic.core.webservice import State, Webservice
from mlmagic.widgets import cards, html

POINTS = 60
TRANSITIONS = 8
_REQUESTED = (
    EventKind.DEPLOY_REQUESTED,
    EventKind.UPDATE_REQUESTED,
    EventKind.STOP_REQUESTED,
    EventKind.START_REQUESTED,
    EventKind.DELETE_REQUESTED,
)


Began = tuple[State | None, float]
"""A state, or None if unknown, and its start (seconds since the epoch)."""


class ServiceState(HasTraits):
    """The record and the latest events of a service, as traits."""

    state = Unicode(str(State.TRANSITIONING))
    words = Unicode()
    endpoint = Unicode()
    traceback = Unicode()
    """The traceback of a failed start or of a crash."""
    failure = Unicode()
    """The traceback of the last failed request to this revision."""
    stats = Dict()
    lasting = Unicode()
    """The state and its duration."""
    events = Tuple()
    """The latest events as lines, the newest first."""
    log = Unicode()
    gone = Bool(False)
    serving = Tuple()
    """The serving revision, and its number of live reloads."""

    latencies = List()
    """p50 and p99 (milliseconds) of the last readings; drawn with ``stats``."""

    def __init__(self, service: Webservice) -> None:
        super().__init__()
        self._created = service.created_time
        self._events: list[Event] = []
        self._began: Began = (None, service.updated_time)
        self._reloads = 0
        self.show(service)

    def show(self, service: Webservice) -> None:
        """Show a new record."""
        stats = dict(service.stats)
        if stats != self.stats and stats.get("requests") and "p50_ms" in stats:
            now = (float(stats["p50_ms"]), float(stats.get("p99_ms", stats["p50_ms"])))
            self.latencies = [*self.latencies, now][-POINTS:]
        self.state, self.words = str(service.state), cards.status(service)
        self.endpoint = service.scoring_uri or "" if service.state is not State.FAILED else ""
        self.traceback = cards.traceback(service)
        self.stats = stats
        self._show_serving(service.serving)

    def note(self, events: Iterable[Event], now: float) -> None:
        """Add new events; known events, and events of an earlier service of this name, are ignored."""
        last = self._events[-1].id if self._events else 0
        new = [event for event in events if event.id > last and event.time >= self._created]
        if new:
            self._reloads += sum(event.kind is EventKind.RELOADED for event in new)
            self._began = began(self._began, new)
            self._events = [*self._events, *new][-TRANSITIONS:]
            self.events = tuple(cards.event_line(event) for event in reversed(self._events))
            self._show_serving(self.serving[0] if self.serving else None)
        self.tick(now)

    def tick(self, now: float) -> None:
        """Update the duration of the state; ``now`` is in seconds since the epoch."""
        self.lasting = f"{self.state} for {html.duration(now - self._began[1])}" if not self.gone else ""

    def end(self) -> None:
        """Mark the service as deleted; the last content stays."""
        self.gone = True
        self.state, self.words = str(State.STOPPED), "deleted"
        self.endpoint = self.lasting = ""

    def _show_serving(self, revision: int | None) -> None:
        serving = (revision, self._reloads)
        if serving != self.serving:
            self.failure = ""
        self.serving = serving


def state_after(event: Event) -> State | None:
    """The state after an event; None if the event does not change the state."""
    if event.kind in _REQUESTED:
        return State.TRANSITIONING
    if event.kind is EventKind.ENDED:
        return State.UNHEALTHY
    if event.kind is EventKind.ROLLED_BACK:
        return State.HEALTHY
    word = event.message.partition(":")[0]
    return State(word) if event.kind is EventKind.STATE_CHANGED and word in set(State) else None


def began(before: Began, events: Sequence[Event]) -> Began:
    """The state after these events, and its start; an event that repeats the state is ignored."""
    for event in events:
        after = state_after(event)
        if after is not None and after is not before[0]:
            before = (after, event.time)
    return before
