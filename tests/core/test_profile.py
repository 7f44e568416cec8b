"""What may be measured, what a profile says, and which size it recommends."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mlmagic.core.profile import (
    Failure,
    Goal,
    Prices,
    ProfilePlan,
    ProfileState,
    Sample,
    SizeResult,
    default_cpus,
    default_memory_gb,
    parse_milliseconds,
    parse_rate,
    parse_sizes,
)
from mlmagic.core.profile_record import details, profile_of, record_of
from mlmagic.core.sizing import has_room, needed_cpu, needed_memory, recommend
from mlmagic.errors import InvalidConfig, InvalidConfigs
from tests.support.profiles import LARGE, MIDDLE, SMALL, load, profile, size

NARROW_ENDS = {name: (1.0, 2.0) for name in ("50", "90", "95", "99")}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": ""}, ["profile name ''"]),
        ({"cpus": (0.05, 4)}, ["cpu 0.05 must be between 0.1 and 3.5", "cpu 4"]),
        ({"memories_gb": (16.0,)}, ["memory_in_gb 16.0 must be between 0.1 and 15"]),
        ({"cpus": ()}, ["cpu ()"]),
        ({"seconds": 0}, ["seconds 0"]),
        ({"concurrencies": (0,)}, ["concurrency 0"]),
        ({"goal": Goal(0, requests_per_second=-1)}, ["p99 0", "rps -1"]),
        ({"name": "-", "cpus": (9.0,)}, ["profile name", "cpu 9.0"]),
    ],
)
def test_all_that_cannot_be_is_told_together(changes: dict[str, Any], told: list[str]) -> None:
    with pytest.raises(InvalidConfigs) as caught:
        ProfilePlan(**{"name": "p", "cpus": (1.0,), "memories_gb": (1.0,), **changes})
    for words in told:
        assert words in str(caught.value)


def test_sizes_are_tried_from_the_smallest_each_once() -> None:
    plan = ProfilePlan("p", (2.0, 0.5, 2.0), (1.0, 0.5))
    assert plan.sizes == [(0.5, 0.5), (0.5, 1.0), (2.0, 0.5), (2.0, 1.0)]


@pytest.mark.parametrize(("cores", "cpus"), [(2, (0.5, 1, 2)), (64, (0.5, 1, 2, 3.5)), (0.3, (0.3,))])
def test_the_sizes_of_a_machine(cores: float, cpus: tuple[float, ...]) -> None:
    assert default_cpus(cores) == cpus


@pytest.mark.parametrize(("free", "memory"), [(64, 15.0), (3.27, 3.2), (0.01, 0.1)])
def test_the_memory_of_a_machine(free: float, memory: float) -> None:
    assert default_memory_gb(free) == memory


def test_options_are_read() -> None:
    assert parse_sizes("cpu", "0.5,1, 2") == (0.5, 1.0, 2.0)
    assert parse_sizes("cpu", None) == ()
    assert [parse_milliseconds("p99", text) for text in ("50", "50ms", "0.2s", None)] == [50, 50, 200, None]
    with pytest.raises(InvalidConfig, match="cpu 'one' must be numbers"):
        parse_sizes("cpu", "one")
    with pytest.raises(InvalidConfig, match="p99 'soon' must be a time, such as 50ms"):
        parse_milliseconds("p99", "soon")
    assert [parse_rate("rps", text) for text in ("200", "0.5", None)] == [200, 0.5, None]
    for text in ("many", "0", "-1", "inf", "nan"):
        with pytest.raises(InvalidConfig, match=f"rps '{text}' must be a number above 0, such as 200"):
            parse_rate("rps", text)


@pytest.mark.parametrize(
    ("sizes", "goal", "expected"),
    [
        ([SMALL, MIDDLE, LARGE], Goal(20), (1, True)),
        ([SMALL, MIDDLE, LARGE], Goal(50, requests_per_second=90), (0.5, True)),
        ([SMALL, MIDDLE, LARGE], Goal(requests_per_second=260), (2, True)),
        ([SMALL, MIDDLE, LARGE], Goal(5), (2, False)),
        ([SMALL, MIDDLE, LARGE], Goal(requests_per_second=900), (2, False)),
        ([SMALL, MIDDLE, LARGE], Goal(30, percent=50), (0.5, True)),
        # Without a goal: the cheapest per prediction.
        ([SMALL, MIDDLE, LARGE], Goal(), (1, True)),
        # What gave errors is not recommended where something did not.
        ([size(0.5, 900, 1, failures=(Failure(500, "x", 1, 0),)), LARGE], Goal(), (1.8, True)),
    ],
)
def test_recommendation(sizes: list[SizeResult], goal: Goal, expected: tuple[float, bool]) -> None:
    found = recommend(sizes, goal)
    assert found is not None
    if len([one for one in sizes if one.successful]) > 1:
        assert found.cpu == expected[0]
    assert found.meets_goal is expected[1]
    assert found.memory_gb == 0.4  # 0.31 and a quarter, in tenths
    assert found.cost_per_1000 is None


def test_of_one_size_what_it_used_is_recommended_and_a_quarter_more() -> None:
    found = recommend([size(2, 100, 10, max_cores=0.61)], Goal(), Prices(1.0, 0.1))
    assert found is not None
    assert (found.cpu, found.memory_gb) == (0.8, 0.4)
    assert found.cost_per_1000 == pytest.approx((2 * 1.0 + 1 * 0.1) / (100 * 3600) * 1000)


def test_nothing_that_answered_nothing_recommended() -> None:
    assert recommend([SizeResult(1, 1, error="it was ended for want of memory")], Goal()) is None


@pytest.mark.parametrize(
    ("used", "measured", "memory", "cpu"), [(0.0, 1, 0.1, 0.1), (0.4, 1, 0.5, 0.5), (3, 2, 2, 2)]
)
def test_needs_stay_within_what_was_measured(used: float, measured: float, memory: float, cpu: float) -> None:
    assert needed_memory(used, measured) == memory
    assert needed_cpu(used, measured) == cpu


@pytest.mark.parametrize(
    ("peak", "more", "free", "expected"),
    [(100, 2, 500, True), (100, 2, 499, False), (100, 0, 0, True), (0, 1, 1000, False)],
)
def test_services_stay_beside_each_other_where_there_is_room(
    peak: int, more: int, free: int, expected: bool
) -> None:
    assert has_room(peak, more, free) is expected


def test_a_profile_survives_json() -> None:
    made = profile(
        sizes=(size(1, 2, 3, samples=(Sample(0.1, 1, 2, 0),), failures=(Failure(500, "b", 2, 1),)),)
    )
    assert profile_of(json.loads(json.dumps(record_of(made)))) == made
    bare = profile(sizes=(), recommendation=None, plan=ProfilePlan("q", (1.0,), (1.0,)))
    assert profile_of(json.loads(json.dumps(record_of(bare)))) == bare


def test_details_have_the_documents_keys() -> None:
    found = details(profile(dataset_id="d:1"))
    assert set(found) == {
        *("name", "createdTime", "state", "requestedCpu", "requestedMemoryInGB", "requestedQueriesPerSecond"),
        *("maxUtilizedMemoryInGB", "maxUtilizedCpu", "totalQueries", "successQueries", "successRate"),
        *("averageLatencyInMs", "latencyPercentile50InMs", "latencyPercentile90InMs"),
        *("latencyPercentile95InMs", "latencyPercentile99InMs", "latencyPercentile999InMs"),
        *("measuredQueriesPerSecond", "recommendedCpu", "recommendedMemoryInGB"),
    }
    assert (found["requestedCpu"], found["recommendedCpu"]) == (1, 1)
    assert (found["totalQueries"], found["successRate"]) == (300, 100)
    assert found["measuredQueriesPerSecond"] == 250


def test_a_failure_has_the_documents_keys() -> None:
    found = details(
        profile(sizes=(), recommendation=None, state=ProfileState.FAILED, error="the script failed in init()")
    )
    assert set(found) == {
        *("name", "createdTime", "state", "requestedCpu", "requestedMemoryInGB", "requestedQueriesPerSecond"),
        "error",
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"rate_interval": (50.0, 150.0)}, True),
        ({"rate_interval": (49.0, 151.0)}, False),
        ({"rate_interval": (99.0, None)}, False),
        ({"intervals_ms": {"50": (1.0, 2.0)}}, False),
        ({"intervals_ms": {**NARROW_ENDS, "99": (1.0, None)}}, False),
        ({"intervals_ms": {**NARROW_ENDS, "99.9": (1.0, None)}}, True),
    ],
)
def test_a_load_is_settled_when_its_intervals_are_narrow(changes: dict[str, Any], expected: bool) -> None:
    narrow = replace(load("closed", 1, 100.0, 5), intervals_ms=NARROW_ENDS, rate_interval=(90.0, 110.0))
    assert replace(narrow, **changes).is_settled is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "Measuring 1 size takes 5 to 10 s after"),
        ({"cpus": (1.0, 2.0)}, "Measuring 2 sizes takes 10 to 20 s after"),
        ({"seconds": 0.5}, "Measuring 1 size takes up to 2.5 s after"),
        ({"seconds": 60, "concurrencies": (1, 1)}, "Measuring 1 size takes up to 120 s after"),
    ],
)
def test_a_plan_says_how_long_it_takes(changes: dict[str, Any], expected: str) -> None:
    plan = ProfilePlan(**{"name": "p", "cpus": (1.0,), "memories_gb": (1.0,), **changes})
    assert plan.duration_in_words.startswith(expected)
