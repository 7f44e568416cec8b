"""A burst at once, then evenly; a rest brings the burst back."""

from __future__ import annotations

import pytest

from mlmagic.engine.events.pace import Pace


def done(pace: Pace, moments: list[float]) -> list[bool]:
    return [pace.delay(moment) == 0 for moment in moments]


def test_a_burst_then_evenly() -> None:
    pace = Pace(2, 0.5)
    assert done(pace, [10.0, 10.0, 10.0, 10.25, 10.5, 10.5, 11.0]) == [
        True,
        True,
        False,
        False,
        True,
        False,
        True,
    ]


def test_it_says_how_long_to_wait() -> None:
    pace = Pace(1, 0.5)
    assert pace.delay(10.0) == 0
    assert pace.delay(10.2) == pytest.approx(0.3)


def test_a_rest_brings_the_burst_back_and_no_more() -> None:
    pace = Pace(2, 0.5)
    done(pace, [10.0, 10.0, 10.0])
    assert done(pace, [99.0, 99.0, 99.0]) == [True, True, False]


def test_without_a_pause_always() -> None:
    assert done(Pace(1, 0.0), [1.0] * 9) == [True] * 9
