"""Which loads are made, and what is read off the loader's answers."""

from __future__ import annotations

from typing import Any

import pytest

from mlmagic.core.profile import Failure, Goal, Sample
from mlmagic.engine.profiling.loads import Asked, load_of, wanted_loads
from mlmagic.engine.profiling.trial import alike, smooth
from tests.core.test_profile import load

ONE, TWO, SAME = (load("closed", level, rate, 5) for level, rate in ((1, 100), (2, 190), (4, 191)))
OPEN = load("open", 50, 50, 5)


@pytest.mark.parametrize(
    ("done", "goal", "expected"),
    [
        ([], Goal(), Asked("closed", 1, 2.0, 30)),
        ([ONE], Goal(), Asked("closed", 2, 2.0)),
        ([ONE, TWO], Goal(), Asked("closed", 4, 2.0)),
        # More clients have brought nothing: no more of them.
        ([ONE, TWO, SAME], Goal(), Asked("open", 0.7 * 191, 2.0)),
        ([ONE, TWO, SAME], Goal(requests_per_second=20), Asked("open", 20, 2.0)),
        ([ONE, TWO, SAME, OPEN], Goal(), None),
    ],
)
def test_next_load(done: list[Any], goal: Goal, expected: Asked | None) -> None:
    found = wanted_loads((8, 4, 2, 1), 2.0, 30, goal, done)
    assert found == expected or (found and expected and found.level == pytest.approx(expected.level))


def test_of_what_never_answered_no_more_is_asked() -> None:
    assert wanted_loads((1,), 2.0, 3, Goal(), [load("closed", 1, 0, 0)]) is None


def test_a_load_is_summed_up_in_milliseconds() -> None:
    told = {
        "kind": "closed",
        "level": 2,
        "seconds": 2.0,
        "asked": 5,
        "latencies": [0.001, 0.002, 0.004],
        "ends": [0.1, 0.7, 1.9],
        "failures": [[500, "no", 2, 3]],
        "client_cores": 0.1,
    }
    found, failures = load_of(told)
    assert (found.requests, found.successes) == (5, 3)
    assert found.requests_per_second == pytest.approx(1.5)
    assert found.percentiles_ms == pytest.approx({"50": 2, "90": 4, "95": 4, "99": 4, "99.9": 4})
    assert found.intervals_ms["99.9"][1] is None
    assert failures == [Failure(500, "no", 2, 3)]
    bare, _ = load_of({**told, "latencies": [], "ends": []})
    assert (bare.requests_per_second, bare.percentiles_ms) == (0, {})


def test_loads_say_what_they_are() -> None:
    assert [str(Asked("closed", level, 1)) for level in (1, 4)] == ["1 client", "4 clients"]
    assert str(Asked("open", 12.345, 1)) == "12.3 requests/s at random"


def test_failures_alike_are_one() -> None:
    found = alike([Failure(500, "a", 1, 4), Failure(503, "b", 5, 1), Failure(500, "a", 2, 9)])
    assert found == (Failure(503, "b", 5, 1), Failure(500, "a", 3, 4))


def test_samples_are_smoothed() -> None:
    samples = [Sample(at, at, at, 0) for at in (1.0, 2.0, 3.0)]
    assert smooth(samples, 2) == [Sample(2.0, 1.5, 2.0, 0), Sample(3.0, 3.0, 3.0, 0)]
    assert smooth(samples, 0) == samples
