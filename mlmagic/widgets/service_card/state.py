"""The data of a live card, independent of its drawing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from traitlets import Bool, Float, HasTraits, Int, List, Unicode

from mlmagic.core.compiled_models import lines_of
from mlmagic.core.events import Event, EventKind
from mlmagic.core.revisions import RevisionSummary
from mlmagic.core.traffic_history import TrafficHistory
from mlmagic.core.version_comparison import comparison
from mlmagic.core.webservice import State, Webservice
from mlmagic.visible_text import visible
from mlmagic.widgets import cards, figures, html, versions

BEAT_SECONDS = 5.0
EVENTS_SHOWN = 20
_REQUESTED = (
    EventKind.DEPLOY_REQUESTED,
    EventKind.UPDATE_REQUESTED,
    EventKind.STOP_REQUESTED,
    EventKind.START_REQUESTED,
    EventKind.DELETE_REQUESTED,
)


Began = tuple[State | None, float]
"""A state, or None if unknown, and its start (seconds since the epoch)."""
Point = tuple[float, float | None, float | None, float | None, float | None]
"""End of the interval, requests per second, p50 and p99 in milliseconds, errors per second."""


class Beating(HasTraits):
    """What a page hears from, every few seconds, as long as it is connected."""

    beat = Float().tag(sync=True)
    """The time here: a page that gets no more of them says that it is not connected."""

    def keep_beat(self, now: float) -> None:
        """Beat if it is time to; ``now`` is in seconds since the epoch."""
        if now - self.beat >= BEAT_SECONDS or now < self.beat:
            self.beat = now


class ServiceState(Beating):
    """The record and the latest events of a service, as traits that a component draws. Texts are not HTML."""

    id = Unicode().tag(sync=True)
    name = Unicode().tag(sync=True)
    state = Unicode(str(State.TRANSITIONING)).tag(sync=True)
    words = Unicode().tag(sync=True)
    """The message that explains the state."""
    began = Float().tag(sync=True)
    """When the state began, in seconds since the epoch."""
    revision = Int().tag(sync=True)
    serving = Int(None, allow_none=True).tag(sync=True)
    """The revision that serves."""
    reloads = Int().tag(sync=True)
    """How often the script was reloaded since the card was opened."""
    endpoint = Unicode().tag(sync=True)
    """The address to send requests to; empty if there is none."""
    docs = Unicode().tag(sync=True)
    """The page of the API reference, as the reader's browser reaches it."""
    traceback = Unicode().tag(sync=True)
    """The traceback of a failed start or of a crash."""
    failure = Unicode().tag(sync=True)
    """The traceback of the last failed request to this revision."""
    figures = List().tag(sync=True)
    """Pairs of a metric's name and its value as text."""
    replicas = Int(1).tag(sync=True)
    """How many replicas are wanted."""
    history = List().tag(sync=True)
    """A `Point` for each interval of the last 15 minutes; empty without requests."""
    details = List().tag(sync=True)
    """Pairs of a term and its text: models, compute target, tags."""
    events = List().tag(sync=True)
    """The latest events, the newest first: ``time`` in seconds since the epoch, and ``message``."""
    versions = List().tag(sync=True)
    """The versions of an endpoint, as ``endpoint_traffic.js`` draws them; empty for any other service."""
    comparison = Unicode().tag(sync=True)
    """Whether the versions differ by more than chance."""
    rollout = Unicode().tag(sync=True)
    """How far the rollout of a version is; empty without one."""
    alerts = List().tag(sync=True)
    """The alerts that are pending or firing, as `mlmagic.widgets.alerts.alert_rows` has them."""
    log_text = Unicode().tag(sync=True)
    gone = Bool(False).tag(sync=True)

    def begin(self, service: Webservice) -> None:
        """Show a service for the first time."""
        self.id, self.name = service.id, service.name
        self._created = service.created_time
        self._events: list[Event] = []
        self._drift = self._rules = ""
        self._since: Began = (None, service.updated_time)
        self.show(service)

    def show(self, service: Webservice) -> None:
        """Show a new record."""
        if service.serving != self.serving:
            self.failure = ""
        self.state, self.words = str(service.state), visible(cards.status(service))
        self.revision, self.serving = service.revision, service.serving
        self.traceback = visible(cards.traceback(service))
        self.endpoint = service.scoring_uri or "" if service.state is not State.FAILED else ""
        self.docs = html.browser_url(service.docs_uri or "") if self.endpoint else ""
        self.figures = figures.pairs(service.stats, service.replicas)
        self.details = details(service, self._drift, self._rules)
        self._show_versions(service)
        self.replicas = service.replicas or round(service.stats.get("replicas", 0)) or 1

    def _show_versions(self, service: Webservice) -> None:
        endpoint = service.endpoint
        if endpoint is None:
            return
        self.versions = [
            versions.version_row(endpoint, each, service.version_figures.get(each.name))
            for each in endpoint.versions
        ]
        self.comparison = visible(comparison(service))
        self.rollout = visible(versions.rollout_words(endpoint))

    def note(self, events: Iterable[Event], now: float) -> None:
        """Add new events, and what else changes with time; ``now`` is in seconds since the epoch.

        Known events, and events of an earlier service of this name, are ignored.
        """
        last = self._events[-1].id if self._events else 0
        new = [event for event in events if event.id > last and event.time >= self._created]
        if new:
            reloads = sum(event.kind is EventKind.RELOADED for event in new)
            self._since = began(self._since, new)
            self._events = [*self._events, *new][-EVENTS_SHOWN:]
            self.events = [
                {"time": event.time, "message": visible(f"{event.kind}: {event.message}")}
                for event in reversed(self._events)
            ]
            if reloads:
                self.reloads, self.failure = self.reloads + reloads, ""
        self.began = self._since[1]
        self.keep_beat(now)

    def end(self) -> None:
        """Mark the service as deleted; the last content stays."""
        self.gone = True
        self.state, self.words = str(State.STOPPED), ""
        self.endpoint = self.docs = ""


def points(history: TrafficHistory) -> list[Point]:
    """What the charts draw: equal intervals, those without requests included; empty without any request."""
    if not history.points:
        return []
    return [
        (each.time, each.requests_per_second, each.p50_ms, each.p99_ms, each.errors_per_second)
        for each in history.resampled()
    ]


def revision_row(summary: RevisionSummary, present: int) -> dict[str, Any]:
    """A revision as the card lists it; ``present`` is the one that is wanted now."""
    return {
        "number": summary.number,
        "status": summary.status,
        "time": summary.created_time,
        "change": visible(summary.change),
        "models": visible(", ".join(summary.models)),
        "can_return": summary.number != present,
    }


def details(service: Webservice, drift: str = "", rules: str = "") -> list[tuple[str, str]]:
    """Terms and texts: what is deployed, and where; ``drift`` is what the last drift check found, ``rules``
    are the alert rules that watch the service."""
    tags = ", ".join(f"{key}={value}" for key, value in service.tags.items())
    rows = [
        ("Models", ", ".join(service.models) or "none"),
        *(("Compilation", line) for line in lines_of(service.compiled)),
        ("Compute target", service.target),
        ("Description", service.description),
        ("Tags", tags),
        ("Data drift", drift),
        ("Alert rules", rules),
        *(("Note", each.words) for each in service.replacements),
    ]
    return [(term, visible(text)) for term, text in rows if text]


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
