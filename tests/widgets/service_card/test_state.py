"""What a card shows of its service: decisions without a widget."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlmagic.core.events import Event, EventKind
from mlmagic.core.traffic_history import TrafficHistory, TrafficPoint
from mlmagic.core.webservice import State, Webservice
from mlmagic.widgets.service_card.state import (
    BEAT_SECONDS,
    EVENTS_SHOWN,
    Began,
    ServiceState,
    began,
    points,
    state_after,
)
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


def shown(service: Webservice) -> ServiceState:
    state = ServiceState()
    state.begin(service)
    return state


def messages(state: ServiceState) -> list[str]:
    return [each["message"] for each in state.events]


def test_events_are_of_this_service_the_newest_first_and_not_endless() -> None:
    state = shown(replace(SERVICE, created_time=10.0, updated_time=10.0))
    before = event(1, EventKind.DELETED, "deleted wine", time=9.0)
    requested = event(2, EventKind.DEPLOY_REQUESTED, "deploy requested", time=10.0)
    state.note([before, requested], now=70.0)
    assert messages(state) == ["DeployRequested: deploy requested"]
    state.note([requested, event(3, EventKind.STATE_CHANGED, "Healthy: \x1bmore", time=70.0)], now=200.0)
    assert messages(state) == ["StateChanged: Healthy: \\x1bmore", "DeployRequested: deploy requested"]
    assert state.began == 70.0
    state.note([event(number, EventKind.LAUNCHED, time=300.0) for number in range(4, 60)], now=300.0)
    assert len(state.events) == EVENTS_SHOWN


def test_the_beat_is_slow_and_follows_a_clock_that_is_set_back() -> None:
    state = shown(SERVICE)
    beats = []
    for now in (100.0, 101.0, 100.0 + BEAT_SECONDS, 50.0):
        state.note([], now)
        beats.append(state.beat)
    assert beats == [100.0, 100.0, 100.0 + BEAT_SECONDS, 50.0]


def test_the_charts_have_equal_intervals_and_no_latency_without_requests() -> None:
    busy = TrafficPoint(
        1000.0, 10.0, requests=20.0, errors=5.0, latencies=((0.5, 1.0, 19.0), (4.0, 8.0, 1.0))
    )
    drawn = points(TrafficHistory(1000.0, (busy,)))
    assert len(drawn) == 90
    assert drawn[0] == (110.0, 0.0, None, None, 0.0)
    time, rate, p50, p99, errors = drawn[-1]
    assert (time, rate, errors) == (1000.0, 2.0, 0.5)
    assert p50 is not None
    assert p99 is not None
    assert p50 <= 1.0 < p99 <= 8.0
    assert points(TrafficHistory(1000.0)) == []


def test_a_new_revision_and_a_reload_serve_anew() -> None:
    state = shown(SERVICE)
    state.failure = "KeyError"
    state.note([event(1, EventKind.RELOADED)], now=2.0)
    assert (state.reloads, state.failure) == (1, "")
    state.failure = "KeyError"
    state.show(replace(SERVICE, serving=3))
    assert (state.serving, state.failure) == (3, "")


def test_a_failure_has_words_a_traceback_and_no_address() -> None:
    state = shown(FAILED)
    assert (state.words, state.endpoint, state.docs) == ("ZeroDivisionError: by zero", "", "")
    assert state.traceback.startswith("Traceback")
