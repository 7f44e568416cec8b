from __future__ import annotations

import pytest

from mlmagic.core.request_counts import Bucket, RequestCounts
from mlmagic.core.traffic_history import PERIOD_SECONDS
from mlmagic.engine.services.traffic_meter import MOST_SERVERS, TrafficMeter

START = 1000.0


def counts(requests: int, instance: str = "a", uptime: float = 5000.0) -> RequestCounts:
    return RequestCounts(instance, uptime, requests, requests // 10, (Bucket(0.0, 2.0, requests),))


Reading = tuple[float, RequestCounts]


def measured(readings: list[Reading], replicas: float = 1) -> list[tuple[float, float, float]]:
    """Start, end and requests of each point, relative to `START`."""
    meter, found = TrafficMeter(), []
    for after, counted in readings:
        meter.add(counted, {"replicas": replicas}, START + after)
        point = meter.finished(START + after)
        if point is not None:
            assert point.errors >= 0
            assert sum(bucket.requests for bucket in point.latencies) > 0
            end = point.time - START
            found.append((end - point.seconds, end, point.requests))
    return found


@pytest.mark.parametrize(
    ("readings", "points"),
    [
        # What was counted before the first reading is of an unknown time.
        ([(0, counts(700)), (5, counts(710)), (10, counts(730))], [(0, 10, 30)]),
        ([(0, counts(700)), (10, counts(700)), (20, counts(700))], []),
        # An interval begins when the one before is over, also if that had no requests.
        ([(0, counts(700)), (10, counts(700)), (20, counts(720))], [(10, 20, 20)]),
        # A new service: its first requests come before the first reading.
        ([(2, counts(5, uptime=2)), (10, counts(9))], [(0, 10, 9)]),
        # The server is started again, has counted less or more than the one before.
        ([(0, counts(700)), (4, counts(704)), (10, counts(3, "b", 2))], [(0, 10, 7)]),
        ([(0, counts(1)), (4, counts(2)), (10, counts(50, "b", 2))], [(0, 10, 51)]),
        # So is one that has no instance, as that of an earlier version.
        ([(0, counts(700, "")), (10, counts(3, ""))], [(0, 10, 3)]),
        # Nothing was read for a while, as while the machine was paused.
        ([(0, counts(0)), (8, counts(80)), (300, counts(6, "b", 3))], [(0, 300, 86)]),
    ],
)
def test_a_point_has_what_was_counted_in_its_interval(
    readings: list[Reading], points: list[tuple[float, float, float]]
) -> None:
    assert measured(readings) == points


def test_an_interval_ends_with_its_last_reading() -> None:
    meter = TrafficMeter()
    meter.add(counts(0), {}, START)
    meter.add(counts(80), {}, START + 8)
    assert meter.finished(START + 9) is None
    point = meter.finished(START + 12)  # the service ended meanwhile, and is not read
    assert point is not None
    assert (point.time, point.seconds, point.requests) == (START + 8, 8.0, 80)
    assert meter.finished(START + 22) is None
    meter.add(counts(6, "b", 3), {}, START + 300)  # it serves again, for 3 seconds
    point = meter.finished(START + 310)
    assert point is not None
    assert (point.seconds, point.requests) == (3.0, 6)


@pytest.mark.parametrize(
    ("replicas", "readings", "requests"),
    [
        # One replica of three is read; two are, in turn; and all.
        (3, [(0, counts(100)), (10, counts(110))], 30),
        (3, [(0, counts(0)), (2, counts(0, "b")), (8, counts(10)), (10, counts(20, "b"))], 45),
        (2, [(0, counts(0)), (2, counts(0, "b")), (8, counts(10)), (10, counts(20, "b"))], 30),
        # The count of one that has run for long says nothing when it is seen for the first time.
        (2, [(0, counts(100)), (5, counts(9000, "b")), (10, counts(110))], 20),
    ],
)
def test_replicas_that_are_not_read_had_as_many_requests(
    replicas: float, readings: list[Reading], requests: float
) -> None:
    assert sum(each for _, _, each in measured(readings, replicas)) == requests


def test_another_supervisor_goes_on_from_the_last_reading() -> None:
    meter = TrafficMeter()
    meter.resume(counts(500), START - 15)
    meter.add(counts(650), {}, START)
    point = meter.finished(START)
    assert point is not None
    assert (point.time, point.seconds, point.requests) == (START, 15.0, 150)


def test_the_last_interval_can_be_ended_early() -> None:
    meter = TrafficMeter()
    meter.add(counts(0), {}, START)
    meter.add(counts(5), {"cpu_cores": 0.5, "memory_bytes": 5e7}, START + PERIOD_SECONDS / 2)
    assert meter.finished(START + PERIOD_SECONDS / 2) is None
    point = meter.finished(START + PERIOD_SECONDS / 2, ending=True)
    assert point is not None
    assert (point.requests, point.cpu_cores, point.memory_bytes) == (5, 0.5, 5e7)


def test_few_servers_are_remembered() -> None:
    meter = TrafficMeter()
    for number in range(3 * MOST_SERVERS):
        meter.add(counts(number, str(number)), {}, START + number)
    assert len(meter._servers) == MOST_SERVERS
    assert meter.counts.requests == 3 * MOST_SERVERS - 1
