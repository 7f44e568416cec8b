"""A guarded rollout: a version gets more and more of the requests, as long as a condition holds.

    %rollout diabetes green --step 10 --every 2m --if "p99<80ms and errors<1%"

`next_move` is the whole decision. The condition is looked at all the time: where it does not hold, the
traffic goes back at once to what it was before; where it holds at the end of a step, the next one begins.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from mlmagic.errors import InvalidConfig

DEFAULT_GUARD = "errors<1%"
DEFAULT_STEP = 10.0
DEFAULT_EVERY_SECONDS = 60.0
FEWEST_REQUESTS = 20
"""Of fewer requests in a step, nothing is concluded."""


class RolloutState(StrEnum):
    """How far a rollout is."""

    RUNNING = "running"
    PAUSED = "paused"
    """No step begins; where the condition does not hold, the traffic goes back all the same."""
    DONE = "done"
    REVERTED = "reverted"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rollout of one version. Times are in seconds since the epoch."""

    version: str
    step: float
    """Percent of the requests that each step adds."""
    every: float
    """Seconds that a step lasts at least."""
    guard: str
    """The condition, such as ``p99<80ms and errors<1%``."""
    started: float
    step_began: float
    before: Mapping[str, float] = field(default_factory=dict)
    """The percentages before it, by version."""
    state: str = RolloutState.RUNNING
    reason: str = ""
    """Why it ended, or what it waits for."""
    fewest_requests: int = FEWEST_REQUESTS

    @property
    def is_under_way(self) -> bool:
        return self.state in (RolloutState.RUNNING, RolloutState.PAUSED)

    @property
    def is_paused(self) -> bool:
        return self.state == RolloutState.PAUSED

    def resumed(self, now: float) -> Rollout:
        """The rollout after a pause: the step that it was in begins anew."""
        return replace(self, state=RolloutState.RUNNING, step_began=now, reason="")

    def shares(self, percent: float) -> dict[str, float]:
        """All percentages if the version has ``percent``; the others share the rest as they did before."""
        others = {name: share for name, share in self.before.items() if name != self.version}
        rest = sum(others.values())
        left = max(0.0, 100 - percent)
        found = {name: share * left / rest if rest else left / len(others) for name, share in others.items()}
        return {**found, self.version: percent}


@dataclass(frozen=True, slots=True)
class Window:
    """What was measured of a version since a step began."""

    requests: int
    errors: int
    quantiles: Mapping[str, float | None]
    """Latencies in milliseconds, by ``p50`` and so on; None without requests."""

    def value(self, metric: str) -> float | None:
        """Of ``errors`` the share of the requests, else a latency in milliseconds."""
        if metric == "errors":
            return self.errors / self.requests if self.requests else None
        return self.quantiles.get(metric)


METRICS = ("p50", "p90", "p95", "p99", "errors")
_TERM = re.compile(
    r"(?P<metric>[a-z0-9]+)\s*(?P<sign><=|<)\s*(?P<number>[0-9]+(\.[0-9]+)?)\s*(?P<unit>ms|s|%|x)"
)
_SIGNS: Mapping[str, Callable[[float, float], bool]] = {"<": operator.lt, "<=": operator.le}
_EXAMPLE = 'For example: "p99<80ms and errors<1%", or "p50<1.2x" for 1.2 times that of the control.'


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison of a guard."""

    metric: str
    sign: str
    number: float
    """Milliseconds, a share of 1, or times the control's value (``is_relative``)."""
    is_relative: bool
    text: str

    def failure(self, version: Window, control: Window | None) -> str:
        """What is wrong, for people; empty if it holds, or cannot be told yet."""
        value = version.value(self.metric)
        limit: float | None = self.number
        if self.is_relative:
            other = control.value(self.metric) if control is not None else None
            limit = None if other is None else self.number * other
        if value is None or limit is None or _SIGNS[self.sign](value, limit):
            return ""
        measured = f"{self.metric} was {_shown(self.metric, value)}"
        more = f" ({_shown(self.metric, limit)})" if self.is_relative else ""
        return f"{measured}, and {self.text}{more} is required"


def parse_guard(text: str) -> tuple[Term, ...]:
    """The terms of a guard, joined by ``and``. Raises `InvalidConfig` with an example."""
    terms = []
    for part in re.split(r"\s+and\s+", text.strip().lower()):
        found = _TERM.fullmatch(part.strip())
        if found is None:
            raise InvalidConfig("--if", text, f"has a part that is no condition: {part!r}", hint=_EXAMPLE)
        metric, unit = found["metric"], found["unit"]
        if metric not in METRICS:
            raise InvalidConfig(
                "--if", text, f"names {metric!r}, which is not one of {', '.join(METRICS)}", hint=_EXAMPLE
            )
        if unit != "x" and (unit == "%") is not (metric == "errors"):
            unit_words = "a percentage" if metric == "errors" else "ms or s"
            raise InvalidConfig("--if", text, f"needs {unit_words} after {metric!r}", hint=_EXAMPLE)
        factor = {"ms": 1.0, "s": 1000.0, "%": 0.01, "x": 1.0}[unit]
        number = float(found["number"]) * factor
        terms.append(Term(metric, found["sign"], number, unit == "x", re.sub(r"\s+", "", part)))
    return tuple(terms)


class Move(StrEnum):
    """What a rollout does next."""

    WAIT = "wait"
    STEP = "step"
    FINISH = "finish"
    REVERT = "revert"


@dataclass(frozen=True, slots=True)
class Decision:
    """The next move, the version's percentage after it, and why."""

    move: Move
    percent: float
    reason: str


def next_move(
    rollout: Rollout,
    percent: float,
    now: float,
    version: Window,
    control: Window | None,
    *,
    is_available: bool = True,
    refusal: str = "",
) -> Decision:
    """What to do at ``now``, with ``percent`` of the requests at the version.

    ``refusal`` says why the version's service does not serve, if it does not.
    """
    if not is_available:
        return Decision(Move.REVERT, rollout.before.get(rollout.version, 0.0), refusal)
    terms = [each for each in parse_guard(rollout.guard) if not (each.is_relative and percent >= 100)]
    if version.requests >= rollout.fewest_requests:
        for term in terms:
            failure = term.failure(version, control)
            if failure:
                words = f"{failure} ({version.requests} requests at {percent:g} %)"
                return Decision(Move.REVERT, rollout.before.get(rollout.version, 0.0), words)
    if rollout.is_paused:
        return Decision(Move.WAIT, percent, f"at {percent:g} % until it is resumed")
    left = rollout.step_began + rollout.every - now
    if left > 0:
        due = datetime.fromtimestamp(rollout.step_began + rollout.every)
        return Decision(Move.WAIT, percent, f"at {percent:g} % until {due:%H:%M:%S}")
    if version.requests < rollout.fewest_requests:
        words = (
            f"at {percent:g} %: {version.requests} of at least {rollout.fewest_requests} requests have come"
        )
        return Decision(Move.WAIT, percent, words)
    if any(each.is_relative for each in terms) and (
        control is None or control.requests < rollout.fewest_requests
    ):
        words = (
            f"at {percent:g} %: the control has not had {rollout.fewest_requests} requests to compare with"
        )
        return Decision(Move.WAIT, percent, words)
    held = f"{rollout.guard} held for {version.requests} requests at {percent:g} %"
    if percent >= 100:
        return Decision(Move.FINISH, 100.0, held)
    return Decision(Move.STEP, min(100.0, percent + rollout.step), held)


def ended(rollout: Rollout, state: RolloutState, reason: str) -> Rollout:
    """The rollout at its end."""
    return replace(rollout, state=state, reason=reason)


def _shown(metric: str, value: float) -> str:
    return f"{100 * value:.3g} %" if metric == "errors" else f"{value:.3g} ms"
