"""The conditions of alert rules: how they are read, and what they come to."""

from __future__ import annotations

import pytest

from mlmagic.core.alert_condition import AlertCondition, Metric, Reading
from mlmagic.core.request_counts import Bucket
from mlmagic.core.traffic_history import TrafficHistory, TrafficPoint
from mlmagic.core.webservice import State
from mlmagic.errors import InvalidConfig


@pytest.mark.parametrize(
    ("text", "metric", "sign", "limit", "canonical"),
    [
        ("error_rate > 5%", Metric.ERROR_RATE, ">", 0.05, "error_rate > 5%"),
        ("errors>=0.1 %", Metric.ERROR_RATE, ">=", 0.001, "error_rate >= 0.1%"),
        ("p99 > 200ms", Metric.P99, ">", 200, "p99 > 200ms"),
        ("P95>1.5s", Metric.P95, ">", 1500, "p95 > 1500ms"),
        ("request_rate < 1", Metric.REQUEST_RATE, "<", 1, "request_rate < 1"),
        ("request_rate <= 0.5/s", Metric.REQUEST_RATE, "<=", 0.5, "request_rate <= 0.5"),
        (" Drift ", Metric.DRIFT, "", 0, "drift"),
    ],
)
def test_a_condition_is_read(text: str, metric: Metric, sign: str, limit: float, canonical: str) -> None:
    condition = AlertCondition.parse(text)
    assert (condition.metric, condition.sign, condition.limit) == (metric, sign, pytest.approx(limit))
    assert str(condition) == canonical
    assert AlertCondition.parse(canonical) == condition


@pytest.mark.parametrize(
    ("text", "states", "canonical"),
    [
        ("state == Unhealthy", (State.UNHEALTHY,), "state == Unhealthy"),
        ("state==unhealthy | FAILED", (State.UNHEALTHY, State.FAILED), "state == Unhealthy|Failed"),
        ("state != Healthy", (State.HEALTHY,), "state != Healthy"),
    ],
)
def test_states_are_read(text: str, states: tuple[State, ...], canonical: str) -> None:
    condition = AlertCondition.parse(text)
    assert condition.states == states
    assert str(condition) == canonical
    assert AlertCondition.parse(canonical) == condition


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must be METRIC OPERATOR LIMIT, or drift"),
        ("latency", "must be METRIC OPERATOR LIMIT"),
        ("p98 > 200ms", "names 'p98', which is not one of error_rate, request_rate, p50"),
        ("eror_rate > 5%", "Did you mean error_rate?"),
        ("p99 > 200", "has the limit '200', and p99 takes a time such as 200ms or 1.5s"),
        ("p99 > 5%", "and p99 takes a time such as 200ms"),
        ("error_rate > 5", "and error_rate takes a percentage such as 5%"),
        ("error_rate > 5,5%", "has the limit '5,5%'"),
        ("request_rate > 5%", "and request_rate takes requests per second"),
        ("p99 == 200ms", "has the operator '==', and p99 takes >, >=, <, <="),
        ("p99 => 200ms", "has the operator '=>'"),
        ("state > Healthy", "has the operator '>', and state takes ==, !="),
        ("state == Sick", "names the state 'Sick', which is not one of Transitioning, Healthy"),
        ("drift > 5%", "has an operator, and drift has none"),
    ],
)
def test_what_is_wrong_is_named_with_an_example(text: str, words: str) -> None:
    with pytest.raises(InvalidConfig) as refused:
        AlertCondition.parse(text)
    assert words in str(refused.value)
    assert 'For example "error_rate > 5%"' in str(refused.value)


def traffic(requests: float = 100, errors: float = 6, latency: float = 250) -> TrafficPoint:
    latencies = (Bucket(latency, latency, requests),) if requests else ()
    return TrafficPoint(1000.0, 300.0, requests, errors, latencies)


@pytest.mark.parametrize(
    ("text", "reading", "holds", "words"),
    [
        ("error_rate > 5%", Reading(State.HEALTHY, traffic=traffic()), True, "error_rate is 6 %"),
        ("error_rate > 6%", Reading(State.HEALTHY, traffic=traffic()), False, "error_rate is 6 %"),
        ("error_rate >= 6%", Reading(State.HEALTHY, traffic=traffic()), True, "error_rate is 6 %"),
        ("error_rate > 0%", Reading(State.HEALTHY, traffic=traffic(0, 0)), None, "no requests"),
        ("error_rate < 1%", Reading(State.HEALTHY, traffic=traffic(0, 0)), None, "no requests"),
        ("p99 > 200ms", Reading(State.HEALTHY, traffic=traffic()), True, "p99 is 250 ms"),
        ("p50 < 200ms", Reading(State.HEALTHY, traffic=traffic()), False, "p50 is 250 ms"),
        ("p99 > 200ms", Reading(State.HEALTHY, traffic=traffic(0, 0)), None, "no requests"),
        ("p99 > 200ms", Reading(State.STOPPED, False, traffic(0, 0)), None, "does not serve"),
        ("request_rate < 1", Reading(State.HEALTHY, traffic=traffic(0, 0)), True, "is 0 per second"),
        ("request_rate < 1", Reading(State.STOPPED, False, traffic(0, 0)), None, "does not serve"),
        ("request_rate > 1/s", Reading(State.HEALTHY, traffic=traffic()), False, "is 0.333 per second"),
        ("state == Failed|Unhealthy", Reading(State.UNHEALTHY), True, "state is Unhealthy"),
        ("state == Failed", Reading(State.UNHEALTHY), False, "state is Unhealthy"),
        ("state != Healthy", Reading(State.UNHEALTHY), True, "state is Unhealthy"),
        ("state != Healthy|Unhealthy", Reading(State.UNHEALTHY), False, "state is Unhealthy"),
        ("drift", Reading(State.HEALTHY, drifted=True), True, "drift"),
        ("drift", Reading(State.HEALTHY, drifted=False), False, "no drift"),
        ("drift", Reading(State.HEALTHY), None, "no drift check yet"),
    ],
)
def test_what_a_condition_comes_to(text: str, reading: Reading, holds: bool | None, words: str) -> None:
    outcome = AlertCondition.parse(text).evaluate(reading)
    assert outcome.holds is holds
    assert outcome.words.endswith(words)


def test_the_last_minutes_of_a_history() -> None:
    points = tuple(TrafficPoint(700.0 + 100 * number, 100.0, 100 * number, number) for number in range(4))
    history = TrafficHistory(1000.0, points)
    assert (history.last(150).requests, history.last(150).errors) == (300 + 100, 3 + 1)
    assert history.last(150).requests_per_second == pytest.approx(400 / 150)
    assert TrafficHistory(1000.0).last(60).requests == 0
