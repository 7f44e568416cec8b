from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from sqlalchemy import Connection

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.request_counts import RequestCounts
from mlmagic.core.webservice import Revision, Webservice
from mlmagic.engine.services import traffic_writer
from mlmagic.engine.services.traffic_meter import TrafficMeter
from mlmagic.engine.services.traffic_writer import GATHER_SECONDS, TrafficWriter
from mlmagic.errors import WorkspaceUnavailable
from mlmagic.workspace import services, traffic_history
from mlmagic.workspace.identity import ProcessIdentity
from mlmagic.workspace.memory import Memory

ME = ProcessIdentity.current().mark()
REVISION = Revision(1, (), InferenceConfig("score.py"), (), DeploymentConfig("fake"), "/usr/bin/python3")
NAMES = [f"svc{number}" for number in range(5)]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock of the writer."""
    now = [1000.0]
    monkeypatch.setattr(traffic_writer, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def running(memory: Memory) -> list[Webservice]:
    with memory.writing() as tx:
        for name in NAMES:
            services.create(tx, name, REVISION, ME)
        return services.lease(tx, ME)


@pytest.fixture
def writes(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """One entry for each transaction."""
    writes: list[float] = []
    writing = memory.writing_quietly

    @contextmanager
    def counted() -> Iterator[Connection]:
        with writing() as tx:
            writes.append(1)
            yield tx

    monkeypatch.setattr(memory, "writing_quietly", counted)
    return writes


def a_minute_later(writer: TrafficWriter, running: list[Webservice], requests: int, now: list[float]) -> None:
    """Each service has got so many requests within a minute."""
    for service in running:
        meter = TrafficMeter()
        meter.resume(RequestCounts("a"), now[0])
        meter.add(RequestCounts("a", 60.0, requests), {}, now[0] + 60)
        writer.collect(service, meter, ending=True)
    now[0] += 60


def requests_of(memory: Memory, running: list[Webservice]) -> list[float]:
    with memory.reading() as tx:
        histories = [traffic_history.get(tx, service.id) for service in running]
    return [sum(point.requests for point in each.points) for each in histories]


def test_all_that_is_due_is_written_in_one_transaction(
    memory: Memory, running: list[Webservice], writes: list[float], now: list[float]
) -> None:
    writer = TrafficWriter(memory, ME)
    a_minute_later(writer, running, 7, now)
    now[0] += 1
    assert writer.is_due(now[0] + GATHER_SECONDS)
    writer.write()
    assert requests_of(memory, running) == [7] * 5
    assert len(writes) == 1


def test_at_rest_nothing_is_written(
    memory: Memory, running: list[Webservice], writes: list[float], now: list[float]
) -> None:
    writer = TrafficWriter(memory, ME)
    a_minute_later(writer, running, 0, now)
    assert not writer.is_due(now[0] + 1000)
    writer.write()
    assert writes == []


def test_services_that_are_gone_or_of_another_supervisor_are_left_out(
    memory: Memory, running: list[Webservice], now: list[float]
) -> None:
    writer = TrafficWriter(memory, ME)
    a_minute_later(writer, running, 7, now)
    with memory.writing() as tx:
        services.remove(tx, running[0], "deleted")
        tx.execute(
            services.services.update()
            .where(services.services.c.id == running[1].id)
            .values(lease_token=running[1].lease_token + 1)
        )
    writer.write()
    assert requests_of(memory, running) == [0, 0, 7, 7, 7]


def test_what_cannot_be_written_now_is_written_later(
    memory: Memory, running: list[Webservice], now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = TrafficWriter(memory, ME)
    a_minute_later(writer, running, 7, now)
    add = traffic_history.add

    def away(*_: object) -> None:
        raise WorkspaceUnavailable("the database is away")

    monkeypatch.setattr(traffic_history, "add", away)
    with pytest.raises(WorkspaceUnavailable):
        writer.write()
    assert not writer.is_due(now[0])
    monkeypatch.setattr(traffic_history, "add", add)
    now[0] += 10
    assert writer.is_due(now[0])
    writer.write()
    assert requests_of(memory, running) == [7] * 5
