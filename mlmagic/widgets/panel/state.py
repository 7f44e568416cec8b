"""What a card shows of its service, without how."""

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
"""A state, if one is known, and since when (seconds since the epoch)."""


class ServiceState(HasTraits):
    """The record of a service and what happened to it, as traits that change only when it does."""

    state = Unicode(str(State.TRANSITIONING))
    words = Unicode()
    endpoint = Unicode()
    traceback = Unicode()
    """Why it failed to come up, or to stay."""
    failure = Unicode()
    """What run() last raised for a caller, since this revision serves."""
    stats = Dict()
    lasting = Unicode()
    """The state, and for how long."""
    history = Tuple()
    """What happened, the newest first, a line each."""
    log = Unicode()
    gone = Bool(False)
    serving = Tuple()
    """Changes with what answers: the revision, and how often it took on a script."""

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
        """The record is now this one."""
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
        """These happened to it; those known already, or of another service of its name, do not count."""
        last = self._events[-1].id if self._events else 0
        new = [event for event in events if event.id > last and event.time >= self._created]
        if new:
            self._reloads += sum(event.kind is EventKind.RELOADED for event in new)
            self._began = began(self._began, new)
            self._events = [*self._events, *new][-TRANSITIONS:]
            self.history = tuple(cards.event_line(event) for event in reversed(self._events))
            self._show_serving(self.serving[0] if self.serving else None)
        self.tick(now)

    def tick(self, now: float) -> None:
        """It is ``now`` (seconds since the epoch)."""
        self.lasting = f"{self.state} for {html.duration(now - self._began[1])}" if not self.gone else ""

    def end(self) -> None:
        """The service is not there any more; the last picture stays."""
        self.gone = True
        self.state, self.words = str(State.STOPPED), "deleted"
        self.endpoint = self.lasting = ""

    def _show_serving(self, revision: int | None) -> None:
        serving = (revision, self._reloads)
        if serving != self.serving:
            self.failure = ""
        self.serving = serving


def state_after(event: Event) -> State | None:
    """The state that an event has brought about; None for one that is no transition."""
    if event.kind in _REQUESTED:
        return State.TRANSITIONING
    if event.kind is EventKind.ENDED:
        return State.UNHEALTHY
    if event.kind is EventKind.ROLLED_BACK:
        return State.HEALTHY
    word = event.message.partition(":")[0]
    return State(word) if event.kind is EventKind.STATE_CHANGED and word in set(State) else None


def began(before: Began, events: Sequence[Event]) -> Began:
    """The state after these events, and when it began: what brings about what is already changes nothing."""
    for event in events:
        after = state_after(event)
        if after is not None and after is not before[0]:
            before = (after, event.time)
    return before
