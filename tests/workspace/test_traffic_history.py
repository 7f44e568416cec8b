from __future__ import annotations

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.request_counts import Bucket, RequestCounts
from mlmagic.core.traffic_history import TrafficPoint
from mlmagic.core.webservice import Revision
from mlmagic.workspace import services, traffic_history
from mlmagic.workspace.database import traffic_counts, traffic_points
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.traffic_history import Measured

START = 1_800_000_000.0
LATENCIES = (Bucket(0.0, 2.5, 3), Bucket(60000.0, None, 1))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of the database."""
    clock = [START]
    monkeypatch.setattr(traffic_history, "now", lambda tx: clock[0])
    return clock


def measured(service: str, requests: int, age: float = 0.0) -> Measured:
    point = TrafficPoint(0.0, 10.0, requests, 1, LATENCIES, 0.5, 5e7)
    return Measured(service, point, RequestCounts("a", 60.0, 1000 + requests, 1, LATENCIES), age)


def requests_of(memory: Memory, service: str) -> list[tuple[float, float]]:
    with memory.reading() as tx:
        points = traffic_history.get(tx, service).points
    return [(point.time - START, point.requests) for point in points]


def test_points_are_read_as_they_were_measured(memory: Memory, clock: list[float]) -> None:
    with memory.writing_quietly() as tx:
        traffic_history.add(tx, [measured("one", 40, 3.0), measured("two", 50, 2.0)])
    with memory.reading() as tx:
        found = traffic_history.get(tx, "one")
        assert found.points == (TrafficPoint(START - 3.0, 10.0, 40, 1, LATENCIES, 0.5, 5e7),)
        assert found.until == START - 3.0
        assert traffic_history.get(tx, "other").points == ()


def test_the_counters_of_the_last_point_are_kept(memory: Memory, clock: list[float]) -> None:
    for requests in (40, 50):
        with memory.writing_quietly() as tx:
            traffic_history.add(tx, [measured("one", requests, 3.0)])
    clock[0] += 7
    with memory.reading() as tx:
        found = traffic_history.last_counts(tx, "one")
        assert traffic_history.last_counts(tx, "two") is None
    assert found is not None
    assert (found[0].instance, found[0].requests, found[0].latencies, found[1]) == (
        "a",
        1050,
        LATENCIES,
        10.0,
    )
    clock[0] += 900
    with memory.reading() as tx:
        assert traffic_history.last_counts(tx, "one") is None


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        ([10, 10], [0, 10, 20]),
        ([890, 15], [890, 905]),
        ([3600], [3600]),  # the clock was set forward
        ([-3600], [-3600]),  # and back
        ([-5], [0, -5]),
    ],
)
def test_what_is_old_is_deleted_with_the_next_write(
    memory: Memory, clock: list[float], steps: list[float], left: list[float]
) -> None:
    for number, step in enumerate([0, *steps]):
        clock[0] += step
        with memory.writing_quietly() as tx:
            traffic_history.add(tx, [measured(f"svc{number}", 1)])
    with memory.reading() as tx:
        kept = [row.time - START for row in tx.execute(traffic_points.select().order_by(traffic_points.c.id))]
    assert kept == left


def test_a_clock_that_is_set_back_hides_what_was_before(memory: Memory, clock: list[float]) -> None:
    for step in (0, 10, -3600, 10):
        clock[0] += step
        with memory.writing_quietly() as tx:
            traffic_history.add(tx, [measured("one", 40)])
    assert requests_of(memory, "one") == [(-3590, 40), (-3580, 40)]


def test_it_is_deleted_with_its_service(memory: Memory) -> None:
    revision = Revision(1, (), InferenceConfig("score.py"), (), DeploymentConfig("fake"), "/usr/bin/python3")
    with memory.writing() as tx:
        one, two = (services.create(tx, name, revision, "me") for name in ("one", "two"))
        assert services.lease_tokens(tx, "me") == {one.id: one.lease_token, two.id: two.lease_token}
        traffic_history.add(tx, [measured(one.id, 1), measured(two.id, 1)])
        services.remove(tx, one, "deleted")
        for table in (traffic_points, traffic_counts):
            assert [row.service_id for row in tx.execute(table.select())] == [two.id]
