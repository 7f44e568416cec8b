"""Which loads are made, and what is read off the loader's answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlmagic.core.profile import Failure, Goal, Sample
from mlmagic.engine.profiles.blocks import cut, load_of
from mlmagic.engine.profiles.loads import (
    ROUNDS,
    PlannedLoad,
    further_rounds,
    round_rate,
    rounds_of,
    still_needed,
    total_steps,
    wanted_loads,
)
from mlmagic.engine.profiles.resource_usage import smooth
from mlmagic.engine.profiles.trial import alike
from tests.support.profiles import load

ONE, TWO, SAME = (load("closed", level, rate, 5) for level, rate in ((1, 100), (2, 190), (4, 191)))
OPEN = load("open", 50, 50, 5)


@pytest.mark.parametrize(
    ("done", "goal", "expected"),
    [
        ([], Goal(), PlannedLoad("closed", 1, 2.0, 30)),
        ([ONE], Goal(), PlannedLoad("closed", 2, 2.0)),
        ([ONE, TWO], Goal(), PlannedLoad("closed", 4, 2.0)),
        # More clients have brought nothing: no more of them.
        ([ONE, TWO, SAME], Goal(), PlannedLoad("open", 120, 2.0)),
        ([ONE, TWO, SAME], Goal(requests_per_second=20), PlannedLoad("open", 20, 2.0)),
        ([ONE, TWO, SAME, OPEN], Goal(), None),
    ],
)
def test_next_load(done: list[Any], goal: Goal, expected: PlannedLoad | None) -> None:
    found = wanted_loads((8, 4, 2, 1), 2.0, 30, goal, done)
    assert found == expected or (found and expected and found.level == pytest.approx(expected.level))


def test_of_what_never_answered_no_more_is_asked() -> None:
    assert wanted_loads((1,), 2.0, 3, Goal(), [load("closed", 1, 0, 0)]) is None


@pytest.mark.parametrize(
    ("rate", "expected"), [(133.7, 120), (120, 120), (119, 100), (99.9, 80), (0.7, 0.6), (4000, 4000), (0, 0)]
)
def test_rates_at_random_are_round(rate: float, expected: float) -> None:
    assert round_rate(rate) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("kind", "mean_ms", "rounds"),
    [
        *(("closed", 1, 6), ("closed", 60, 3), ("closed", 120, 2), ("closed", 1000, 1)),
        *(("open", 10, 6), ("open", 12, 3), ("open", 25, 2), ("open", 40, 1), ("open", 0, 6)),
    ],
)
def test_where_answers_take_long_there_are_fewer_rounds(kind: str, mean_ms: float, rounds: int) -> None:
    assert rounds_of(replace(OPEN, kind=kind, mean_ms=mean_ms), 2.0) == rounds


def test_all_loads_have_their_time_in_rounds() -> None:
    begun = [replace(each, seconds=0.5) for each in (ONE, replace(TWO, mean_ms=70.0), OPEN)]
    rounds = further_rounds(begun, 2.0)
    assert len(rounds) == ROUNDS
    assert [[index for index, _ in one] for one in rounds] == [[0, 2], [0, 1, 2]] * 3
    for number, first in enumerate(begun):
        asked = [wanted for one in rounds for index, wanted in one if index == number]
        assert {(wanted.kind, wanted.level) for wanted in asked} == {(first.kind, first.level)}
        assert sum(wanted.seconds for wanted in asked) + first.seconds == pytest.approx(2.0)
    late = replace(ONE, seconds=2.1)  # there were many rows
    assert further_rounds([late], 2.0) == [[]] * ROUNDS


def test_a_load_ends_when_its_intervals_are_narrow_enough() -> None:
    narrow = replace(ONE, seconds=1.0, requests_per_second=100.0, rate_interval=(90.0, 110.0))
    narrow = replace(narrow, intervals_ms={name: (1.0, 2.0) for name in narrow.intervals_ms})
    begun = [replace(ONE, seconds=0.5)] * 4
    rounds = further_rounds(begun, 2.0)[2:]
    young = replace(narrow, seconds=0.9)
    wide = replace(narrow, rate_interval=(40.0, 160.0))
    left = still_needed(rounds, [narrow, young, wide, ONE])
    assert [[index for index, _ in one] for one in left] == [[1, 2, 3]] * len(rounds)
    assert still_needed(rounds, [narrow] * 4) == []


def test_no_profile_takes_more_steps_than_foretold() -> None:
    begun = [replace(load("closed", level, level, 5), seconds=0.5) for level in (1, 2, 4)]
    rounds = further_rounds([*begun, replace(OPEN, seconds=0.5)], 2.0)
    assert 4 + sum(map(len, rounds)) == total_steps((4, 2, 1, 1))


def told(**changes: Any) -> dict[str, Any]:
    latencies, ends = [0.001, 0.002, 0.004], [0.1, 0.7, 1.9]
    given = {"seconds": 2.0, "asked": 5, "latencies": latencies, "ends": ends, "client_cores": 0.1}
    return {**given, "failures": [[500, "no", 2, 3]], **changes}


def test_rounds_are_cut_into_blocks_of_time() -> None:
    ends = [0.1 * number for number in range(1, 21)]
    one = told(latencies=[0.001] * 20, ends=ends)
    blocks = list(cut(one, 0.5))
    assert [len(block.milliseconds) for block in blocks] == [4, 5, 5, 6]
    assert {block.seconds for block in blocks} == {0.5}
    assert len(list(cut(one, 0.1))) == 4  # of too few answers, none
    (whole,) = cut(told(), 0.5)
    assert whole.milliseconds == (1.0, 2.0, 4.0)


def test_a_load_is_summed_up_in_milliseconds() -> None:
    found, failures = load_of("closed", 2, [told(), told(client_cores=0.3)], 16.0)
    assert (found.requests, found.successes, found.seconds) == (10, 6, 4.0)
    assert found.requests_per_second == pytest.approx(1.5)
    assert found.rate_interval == (1.25, 1.75)
    assert found.percentiles_ms == pytest.approx({"50": 2, "90": 4, "95": 4, "99": 4, "99.9": 4})
    assert found.intervals_ms["99.9"][1] is None
    assert found.client_cores == pytest.approx(0.2)
    assert failures == [Failure(500, "no", 2, 3)] * 2
    bare, _ = load_of("closed", 2, [told(latencies=[], ends=[])], 2.0)
    assert (bare.requests_per_second, bare.rate_interval, bare.percentiles_ms) == (0, (0, None), {})
    assert bare.failed
    unasked, _ = load_of("open", 2, [told(latencies=[], ends=[], asked=0)], 2.0)
    assert not unasked.failed


def test_loads_say_what_they_are() -> None:
    assert [str(PlannedLoad("closed", level, 1)) for level in (1, 4)] == ["1 client", "4 clients"]
    assert str(PlannedLoad("open", 12.345, 1)) == "12.3 requests/s at random"


def test_failures_alike_are_one() -> None:
    found = alike([Failure(500, "a", 1, 4), Failure(503, "b", 5, 1), Failure(500, "a", 2, 9)])
    assert found == (Failure(503, "b", 5, 1), Failure(500, "a", 3, 4))


def test_samples_are_smoothed() -> None:
    samples = [Sample(at, at, at, 0) for at in (1.0, 2.0, 3.0)]
    assert smooth(samples, 2) == [Sample(2.0, 1.5, 2.0, 0), Sample(3.0, 3.0, 3.0, 0)]
    assert smooth(samples, 0) == samples
