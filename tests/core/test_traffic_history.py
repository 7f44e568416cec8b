from __future__ import annotations

import pytest

from mlmagic.core.request_counts import Bucket
from mlmagic.core.traffic_history import TrafficPoint, history, is_old, part_of

NOW = 10_000.0


def point(end: float, requests: float = 100, seconds: float = 10.0, **more: float) -> TrafficPoint:
    """Half of the requests of each point take up to 2 ms, the others up to 4 ms."""
    latencies = (Bucket(0.0, 2.0, requests / 2), Bucket(2.0, 4.0, requests / 2))
    return TrafficPoint(end, seconds, requests, requests / 10, latencies, **more)


def test_rates_and_latencies_are_those_of_the_interval() -> None:
    assert point(NOW, cpu_cores=0.5, memory_bytes=5e7).to_record() == {
        "time": NOW,
        "seconds": 10.0,
        "requests_per_second": 10.0,
        "errors_per_second": 1.0,
        "p50_ms": 2.0,
        "p99_ms": 3.96,
        "cpu_cores": 0.5,
        "memory_bytes": 5e7,
    }
    assert TrafficPoint(NOW, 10.0).to_record()["p50_ms"] is None


@pytest.mark.parametrize(
    ("start", "end", "ends", "requests"),
    [
        (NOW - 20, NOW, NOW, 100),
        (NOW - 10, NOW, NOW, 100),
        (NOW - 20, NOW - 5, NOW - 5, 50),
        (NOW - 1, NOW + 5, NOW, 10),
        (NOW - 6, NOW - 4, NOW - 4, 20),
        (NOW, NOW + 10, None, None),
        (NOW - 20, NOW - 10, None, None),
    ],
)
def test_a_part_of_a_point_has_its_share(
    start: float, end: float, ends: float | None, requests: float | None
) -> None:
    part = part_of(point(NOW), start, end)
    assert (part and part.time, part and part.requests) == (ends, requests)
    if part is not None:
        assert part.requests_per_second == pytest.approx(10.0)
        assert part.p50_ms == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("ends", "kept", "until"),
    [
        ([], [], NOW),
        ([NOW - 12], [NOW - 12], NOW - 12),  # what follows is not known yet
        ([NOW - 300, NOW - 290], [NOW - 300, NOW - 290], NOW),
        ([NOW - 950, NOW - 895], [NOW - 895], NOW),
        # The clock was set back by a minute, by an hour; and by an hour with no requests since.
        ([NOW + 40, NOW + 50, NOW], [NOW], NOW),
        ([NOW + 3600, NOW - 10, NOW], [NOW - 10, NOW], NOW),
        ([NOW + 3600], [], NOW),
        # The clock was set forward by an hour.
        ([NOW - 3600, NOW], [NOW], NOW),
    ],
)
def test_the_history_has_the_points_of_the_last_15_minutes(
    ends: list[float], kept: list[float], until: float
) -> None:
    found = history(map(point, ends), NOW)
    assert [each.time for each in found.points] == kept
    assert found.until == until


def test_requests_count_once_where_a_clock_was_set_back_a_little() -> None:
    found = history([point(NOW - 10), point(NOW - 5), point(NOW)], NOW)
    assert [(each.time, each.seconds) for each in found.points] == [
        (NOW - 15, 5.0),
        (NOW - 10, 5.0),
        (NOW, 10.0),
    ]
    assert [each.requests for each in found.points] == [50, 50, 100]


def test_points_that_overlap_a_little_followed_each_other() -> None:
    found = history([point(NOW - 19.5), point(NOW - 9.8), point(NOW)], NOW)
    assert [each.time for each in found.points] == [NOW - 20, NOW - 10, NOW]
    assert [each.requests for each in found.points] == [100, 100, 100]


@pytest.mark.parametrize("buckets", [1, 7, 45, 90, 900])
def test_resampling_keeps_the_requests(buckets: int) -> None:
    found = history([point(NOW - age, age) for age in (895, 500, 490, 320, 33, 0)], NOW)
    total = sum(each.requests for each in found.points)
    sampled = found.resampled(buckets)
    assert len(sampled) == buckets
    assert sum(each.requests for each in sampled) == pytest.approx(total)
    assert sum(each.errors for each in sampled) == pytest.approx(total / 10)
    assert sampled[-1].time == pytest.approx(NOW)
    assert {round(each.seconds, 6) for each in sampled} == {round(900 / buckets, 6)}
    assert all(each.p50_ms == pytest.approx(2.0) for each in sampled if each.requests)


def test_an_interval_without_requests_is_empty() -> None:
    found = history([point(NOW - 450, cpu_cores=0.5, memory_bytes=5e7)], NOW)
    assert [each.requests_per_second for each in found.resampled(3)] == [0.0, pytest.approx(1 / 3), 0.0]
    first, second, _ = found.resampled(3)
    assert (first.p99_ms, first.cpu_cores, first.memory_bytes) == (None, None, None)
    assert (second.cpu_cores, second.memory_bytes) == (0.5, 5e7)


def test_cpu_is_averaged_over_the_time_in_which_it_was_measured() -> None:
    points = [
        point(NOW - 20, cpu_cores=1.0, memory_bytes=1e7),
        point(NOW - 10),
        point(NOW, 100, 5.0, cpu_cores=4.0, memory_bytes=2e7),
    ]
    (all_of_it,) = history(points, NOW).resampled(1)
    assert (all_of_it.cpu_cores, all_of_it.memory_bytes) == (2.0, 2e7)


@pytest.mark.parametrize(("time", "old"), [(NOW, False), (NOW - 901, True), (NOW + 901, True)])
def test_points_of_another_time_are_old(time: float, old: bool) -> None:
    assert is_old(time, NOW) == old
