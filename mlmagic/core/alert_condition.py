"""The condition of an alert rule: ``error_rate > 5%``, ``p99 > 200ms``, ``state == Unhealthy`` or ``drift``.

A condition compares one metric of a service with a limit. Where nothing was measured, it has no result: no
requests are no alert.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mlmagic.core.request_counts import quantile
from mlmagic.core.traffic_history import TrafficPoint
from mlmagic.core.webservice import State
from mlmagic.errors import InvalidConfig, nearest


class Metric(StrEnum):
    """What a condition looks at."""

    ERROR_RATE = "error_rate"
    """The share of the requests that were answered with a status of 400 or more."""
    REQUEST_RATE = "request_rate"
    """Requests per second."""
    P50 = "p50"
    P90 = "p90"
    P95 = "p95"
    P99 = "p99"
    STATE = "state"
    DRIFT = "drift"
    """Whether the last drift check has found drift."""


LATENCIES: Mapping[Metric, float] = {Metric.P50: 0.5, Metric.P90: 0.9, Metric.P95: 0.95, Metric.P99: 0.99}
NOT_OF_TRAFFIC = frozenset((Metric.STATE, Metric.DRIFT))
EXAMPLE = 'For example "error_rate > 5%", "p99 > 200ms", "state == Unhealthy" or "drift".'
_UNITS: Mapping[Metric, Mapping[str, float]] = {
    Metric.ERROR_RATE: {"%": 0.01},
    Metric.REQUEST_RATE: {"": 1.0, "/s": 1.0},
    **{latency: {"ms": 1.0, "s": 1000.0} for latency in LATENCIES},
}
_LIMITS: Mapping[Metric, str] = {
    Metric.ERROR_RATE: "a percentage such as 5%",
    Metric.REQUEST_RATE: "requests per second, such as 10 or 10/s",
    **dict.fromkeys(LATENCIES, "a time such as 200ms or 1.5s"),
}
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_STATE_OPERATORS = ("==", "!=")
_OTHER_NAMES = {"errors": Metric.ERROR_RATE}
"""As the condition of a rollout writes it."""
_COMPARISON = re.compile(r"(?P<metric>\w+)\s*(?P<sign>[<>=!]+)\s*(?P<limit>.+)")
_NUMBER = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>%|/s|ms|s)?")


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a service at the time of an evaluation."""

    state: State
    serves: bool = True
    """Whether a revision serves: of a service that is stopped, no traffic is measured."""
    traffic: TrafficPoint | None = None
    """All of the rule's time window as one interval; None: not read."""
    drifted: bool | None = None
    """The result of the last drift check; None without one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a condition comes to: whether it holds, and the measured value for people."""

    holds: bool | None
    """None: there is no data."""
    words: str


@dataclass(frozen=True, slots=True)
class AlertCondition:
    """A metric, an operator and a limit; ``drift`` has neither operator nor limit."""

    metric: Metric
    sign: str = ""
    limit: float = 0.0
    """A share of 1, requests per second, or milliseconds."""
    states: tuple[State, ...] = ()
    """Of ``state``: any of these."""

    @classmethod
    def parse(cls, text: str) -> AlertCondition:
        """Read a condition. Raises `InvalidConfig` with the part that is wrong, and an example."""
        plain = text.strip()
        if plain.lower() == Metric.DRIFT:
            return cls(Metric.DRIFT)
        found = _COMPARISON.fullmatch(plain)
        if found is None:
            raise _wrong(text, "must be METRIC OPERATOR LIMIT, or drift")
        metric = _metric(text, found["metric"])
        sign, limit = found["sign"], found["limit"].strip()
        if metric is Metric.DRIFT:
            raise _wrong(text, "has an operator, and drift has none")
        allowed = _STATE_OPERATORS if metric is Metric.STATE else tuple(_OPERATORS)
        if sign not in allowed:
            raise _wrong(text, f"has the operator {sign!r}, and {metric} takes {', '.join(allowed)}")
        if metric is Metric.STATE:
            return cls(metric, sign, states=tuple(_state(text, each) for each in limit.split("|")))
        number = _NUMBER.fullmatch(limit)
        if number is None or (number["unit"] or "") not in _UNITS[metric]:
            raise _wrong(text, f"has the limit {limit!r}, and {metric} takes {_LIMITS[metric]}")
        value = float(number["number"]) * _UNITS[metric][number["unit"] or ""]
        return cls(metric, sign, float(f"{value:.12g}"))

    def __str__(self) -> str:
        if self.metric is Metric.DRIFT:
            return str(self.metric)
        if self.metric is Metric.STATE:
            return f"{self.metric} {self.sign} {'|'.join(self.states)}"
        number, unit = self.limit, ""
        if self.metric is Metric.ERROR_RATE:
            number, unit = 100 * self.limit, "%"
        elif self.metric in LATENCIES:
            unit = "ms"
        return f"{self.metric} {self.sign} {number:.12g}{unit}"

    @property
    def needs_traffic(self) -> bool:
        """Whether it is about a time window of requests."""
        return self.metric not in NOT_OF_TRAFFIC

    def evaluate(self, reading: Reading) -> Outcome:
        """Whether the condition holds of what was measured."""
        if self.metric is Metric.STATE:
            is_one_of_them = reading.state in self.states
            return Outcome(is_one_of_them is (self.sign == "=="), f"state is {reading.state}")
        if self.metric is Metric.DRIFT:
            if reading.drifted is None:
                return Outcome(None, "no drift check yet")
            return Outcome(reading.drifted, "drift" if reading.drifted else "no drift")
        if not reading.serves or reading.traffic is None:
            return Outcome(None, "does not serve")
        value = _value(self.metric, reading.traffic)
        if value is None:
            return Outcome(None, "no requests")
        return Outcome(_OPERATORS[self.sign](value, self.limit), _shown(self.metric, value))


def _value(metric: Metric, traffic: TrafficPoint) -> float | None:
    """None without requests; their rate is then zero."""
    if metric is Metric.REQUEST_RATE:
        return traffic.requests_per_second
    if traffic.requests <= 0:
        return None
    if metric is Metric.ERROR_RATE:
        return traffic.errors / traffic.requests
    return quantile(traffic.latencies, LATENCIES[metric])


def _shown(metric: Metric, value: float) -> str:
    if metric is Metric.ERROR_RATE:
        return f"{metric} is {100 * value:.3g} %"
    return f"{metric} is {value:.3g} {'ms' if metric in LATENCIES else 'per second'}"


def _metric(text: str, name: str) -> Metric:
    lower = name.lower()
    if lower in _OTHER_NAMES:
        return _OTHER_NAMES[lower]
    try:
        return Metric(lower)
    except ValueError:
        raise _wrong(text, f"names {name!r}, which is not one of {', '.join(Metric)}", name) from None


def _state(text: str, name: str) -> State:
    known = {state.lower(): state for state in State}
    state = known.get(name.strip().lower())
    if state is None:
        raise _wrong(text, f"names the state {name.strip()!r}, which is not one of {', '.join(State)}")
    return state


def _wrong(text: str, rule: str, metric: str = "") -> InvalidConfig:
    match = nearest(metric, Metric) if metric else ""
    return InvalidConfig(
        "condition", text, rule, hint=f"Did you mean {match}? {EXAMPLE}" if match else EXAMPLE
    )
