"""Guarded rollouts: the condition, and every move that follows from what was measured."""

from __future__ import annotations

from typing import Any

import pytest

from mlmagic.core.rollout import Move, Rollout, RolloutState, Window, next_move, parse_guard
from mlmagic.errors import InvalidConfig

BEFORE = {"blue": 100.0, "green": 0.0}
GUARD = "p99<80ms and errors<1%"


def rollout(guard: str = GUARD, **more: Any) -> Rollout:
    return Rollout("green", 10, 60, guard, 0.0, 1000.0, BEFORE, **more)


def window(requests: int = 100, errors: int = 0, p99: float = 20.0, p50: float = 10.0) -> Window:
    return Window(requests, errors, {"p50": p50, "p90": p99, "p95": p99, "p99": p99} if requests else {})


@pytest.mark.parametrize(
    ("percent", "now", "version", "move", "after", "reason"),
    [
        (10, 1059, window(), Move.WAIT, 10, "at 10 % until"),
        (10, 1060, window(), Move.STEP, 20, "held for 100 requests at 10 %"),
        (95, 1060, window(), Move.STEP, 100, "held"),
        (100, 1060, window(), Move.FINISH, 100, "held"),
        (10, 1001, window(p99=81), Move.REVERT, 0, "p99 was 81 ms, and p99<80ms is required"),
        (10, 1001, window(p99=80), Move.REVERT, 0, "p99 was 80 ms"),
        (30, 1001, window(errors=1), Move.REVERT, 0, "errors was 1 %, and errors<1% is required (100 req"),
        (10, 1060, window(19, 19), Move.WAIT, 10, "19 of at least 20 requests have come"),
        (10, 9999, window(0), Move.WAIT, 10, "0 of at least 20 requests have come"),
    ],
)
def test_the_next_move(
    percent: float, now: float, version: Window, move: Move, after: float, reason: str
) -> None:
    found = next_move(rollout(), percent, now, version, window())
    assert (found.move, found.percent) == (move, after)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("version", "move", "reason"),
    [
        (window(), Move.WAIT, "at 10 % until it is resumed"),
        (window(p99=81), Move.REVERT, "p99 was 81 ms, and p99<80ms is required"),
    ],
)
def test_a_pause_holds_the_steps_and_not_the_condition(version: Window, move: Move, reason: str) -> None:
    paused = rollout(state=RolloutState.PAUSED)
    found = next_move(paused, 10, 9999, version, window())
    assert found.move is move
    assert reason in found.reason
    assert paused.is_under_way
    assert next_move(paused.resumed(9999), 10, 9999 + 59, window(), window()).move is Move.WAIT
    assert next_move(paused.resumed(9999), 10, 9999 + 60, window(), window()).move is Move.STEP


def test_a_version_that_does_not_serve_is_taken_back_at_once() -> None:
    found = next_move(
        rollout(), 40, 1001, window(0), window(), is_available=False, refusal="its service is Failed"
    )
    assert (found.move, found.percent, found.reason) == (Move.REVERT, 0, "its service is Failed")


@pytest.mark.parametrize(
    ("version", "control", "percent", "move"),
    [
        (window(p50=11), window(p50=10), 10, Move.STEP),
        (window(p50=13), window(p50=10), 10, Move.REVERT),
        (window(p50=11), window(5, p50=10), 10, Move.WAIT),  # too few to compare with
        (window(p50=11), None, 10, Move.WAIT),
        (window(p50=99), window(0), 100, Move.FINISH),  # the control gets nothing any more
    ],
)
def test_a_guard_may_compare_with_the_control(
    version: Window, control: Window | None, percent: float, move: Move
) -> None:
    assert next_move(rollout("p50<1.2x"), percent, 1060, version, control).move is move


@pytest.mark.parametrize(
    ("guard", "terms"),
    [
        ("errors<1%", [("errors", "<", 0.01, False)]),
        ("p99 < 80 ms AND errors<=0.5%", [("p99", "<", 80, False), ("errors", "<=", 0.005, False)]),
        ("p50<1.5s", [("p50", "<", 1500, False)]),
        ("p95<=1.2x", [("p95", "<=", 1.2, True)]),
    ],
)
def test_guards(guard: str, terms: list[tuple[str, str, float, bool]]) -> None:
    found = [(each.metric, each.sign, each.number, each.is_relative) for each in parse_guard(guard)]
    assert found == terms


@pytest.mark.parametrize(
    ("guard", "words"),
    [
        ("", "no condition"),
        ("p99<80", "no condition: 'p99<80'"),
        ("p99>80ms", "no condition"),
        ("p99<80ms or errors<1%", "no condition"),
        ("p42<80ms", "names 'p42'"),
        ("latency<80ms", "names 'latency'"),
        ("errors<80ms", "needs a percentage after 'errors'"),
        ("p99<1%", "needs ms or s after 'p99'"),
    ],
)
def test_other_conditions_are_refused_with_an_example(guard: str, words: str) -> None:
    with pytest.raises(InvalidConfig) as refused:
        parse_guard(guard)
    assert words in refused.value.message
    assert "p99<80ms and errors<1%" in refused.value.hint


@pytest.mark.parametrize(
    ("before", "percent", "shares"),
    [
        (BEFORE, 30, {"blue": 70, "green": 30}),
        (BEFORE, 100, {"blue": 0, "green": 100}),
        ({"blue": 60.0, "red": 30.0, "green": 10.0}, 40, {"blue": 40, "red": 20, "green": 40}),
        ({"green": 100.0, "blue": 0.0}, 50, {"blue": 50, "green": 50}),
    ],
)
def test_the_others_share_the_rest_as_before(
    before: dict[str, float], percent: float, shares: dict[str, float]
) -> None:
    found = Rollout("green", 10, 60, GUARD, 0, 0, before).shares(percent)
    assert found == pytest.approx(shares)
