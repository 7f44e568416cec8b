"""What a card shows of its service: decisions without a widget."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlmagic.core.events import Event, EventKind
from mlmagic.core.webservice import State
from mlmagic.widgets.panel.state import POINTS, TRANSITIONS, Began, ServiceState, began, state_after
from tests.support.cards import FAILED, SERVICE


def event(number: int, kind: EventKind, message: str = "", time: float = 0.0) -> Event:
    return Event(number, time or float(number), kind, "services/wine", message)


@pytest.mark.parametrize(
    ("kind", "message", "state"),
    [
        (EventKind.DEPLOY_REQUESTED, "deploy of a:1 requested", State.TRANSITIONING),
        (EventKind.STATE_CHANGED, "Healthy: answers at http://h", State.HEALTHY),
        (EventKind.STATE_CHANGED, "Stopped", State.STOPPED),
        (EventKind.STATE_CHANGED, "Otherwise: x", None),
        (EventKind.ENDED, "revision 1 ended", State.UNHEALTHY),
        (EventKind.ROLLED_BACK, "revision 2 failed", State.HEALTHY),
        (EventKind.LAUNCHED, "launched", None),
        (EventKind.KEY_CHANGED, "the primary key was changed", None),
    ],
)
def test_which_state_an_event_brings_about(kind: EventKind, message: str, state: State | None) -> None:
    assert state_after(event(1, kind, message)) is state


HEALTHY_AT_3 = event(3, EventKind.STATE_CHANGED, "Healthy: answers")


@pytest.mark.parametrize(
    ("before", "events", "after"),
    [
        ((None, 1.0), [], (None, 1.0)),
        ((None, 1.0), [event(2, EventKind.LAUNCHED)], (None, 1.0)),
        ((None, 1.0), [event(2, EventKind.STOP_REQUESTED), HEALTHY_AT_3], (State.HEALTHY, 3.0)),
        ((State.HEALTHY, 1.0), [HEALTHY_AT_3], (State.HEALTHY, 1.0)),  # at another address, say
    ],
)
def test_since_when_a_state_lasts(before: Began, events: list[Event], after: Began) -> None:
    assert began(before, events) == after


def test_events_are_of_this_service_the_newest_first_and_not_endless() -> None:
    model = ServiceState(replace(SERVICE, created_time=10.0, updated_time=10.0))
    before = event(1, EventKind.DELETED, "deleted wine", time=9.0)
    requested = event(2, EventKind.DEPLOY_REQUESTED, "deploy requested", time=10.0)
    model.note([before, requested], now=70.0)
    assert [line.partition("  ")[2] for line in model.events] == ["DeployRequested: deploy requested"]
    model.note([requested, event(3, EventKind.STATE_CHANGED, "Healthy: answers", time=70.0)], now=200.0)
    assert [line.partition("  ")[2] for line in model.events] == [
        "StateChanged: Healthy: answers",
        "DeployRequested: deploy requested",
    ]
    assert model.lasting == "Healthy for 2 min"
    model.note([event(number, EventKind.LAUNCHED, time=300.0) for number in range(4, 40)], now=300.0)
    assert len(model.events) == TRANSITIONS


def test_only_new_figures_are_points() -> None:
    model = ServiceState(SERVICE)
    changes = []
    model.observe(changes.append, "stats")
    for number in range(1, POINTS + 10):
        stats = {"requests": float(number // 2), "p50_ms": 1.0, "p99_ms": float(number // 2)}
        model.show(replace(SERVICE, stats=stats))
    assert len(model.latencies) <= POINTS
    assert model.latencies[-2:] == [(1.0, 33.0), (1.0, 34.0)]
    assert len(changes) == (POINTS + 10) // 2


def test_a_new_revision_and_a_reload_serve_anew() -> None:
    model = ServiceState(SERVICE)
    first = model.serving
    model.note([event(1, EventKind.RELOADED)], now=2.0)
    reloaded = model.serving
    model.show(replace(SERVICE, serving=3))
    assert len({first, reloaded, model.serving}) == 3


def test_a_failure_has_words_a_traceback_and_no_address() -> None:
    model = ServiceState(FAILED)
    assert (model.words, model.endpoint) == ("ZeroDivisionError: by zero", "")
    assert model.traceback.startswith("Traceback")
