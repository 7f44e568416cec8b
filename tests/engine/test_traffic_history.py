"""The traffic of the last 15 minutes is measured by whoever supervises a service, and read by everybody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from sqlalchemy import update

from mlmagic.core import traffic_history as core
from mlmagic.core.traffic_history import TrafficPoint
from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from mlmagic.engine.services import traffic_writer
from mlmagic.errors import NotFound
from mlmagic.targets.fake import FakeTarget
from mlmagic.workspace import leases, services
from mlmagic.workspace.database import services as table
from mlmagic.workspace.database import traffic_points
from mlmagic.workspace.identity import ProcessIdentity
from tests.support.answering import Answering
from tests.support.engines import ON_FAKE, MakeEngine, script
from tests.support.metrics import metrics
from tests.support.waiting import wait_for

ELSEWHERE = ProcessIdentity("elsewhere", 1, "1.0").mark()


@pytest.fixture(autouse=True)
def short_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """The services of a test are looked at every 20 ms, and measured as often as they can be."""
    monkeypatch.setattr(core, "PERIOD_SECONDS", 0.1)
    monkeypatch.setattr(traffic_writer, "GATHER_SECONDS", 0.05)


def points_of(engine: Engine, name: str = "svc") -> tuple[TrafficPoint, ...]:
    return engine.services.traffic_history(name).points


def requests_of(engine: Engine, name: str = "svc") -> float:
    """How many requests the history has."""
    return sum(point.requests for point in points_of(engine, name))


def test_a_service_without_requests_has_no_points(fake_engine: Engine, answering: Answering) -> None:
    answering.metrics = metrics(0)
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    wait_for(lambda: fake_engine.services.get("svc").stats.get("requests") == 0, "its metrics")
    assert points_of(fake_engine) == ()
    assert [each.requests for each in fake_engine.services.traffic_history("svc").resampled(3)] == [0, 0, 0]
    with pytest.raises(NotFound, match="'other'"):
        fake_engine.services.traffic_history("other")


def test_requests_errors_and_latencies_are_kept(fake_engine: Engine, answering: Answering) -> None:
    answering.metrics = metrics(5, errors=1)
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    wait_for(lambda: requests_of(fake_engine) == 5, "the first requests")
    answering.metrics = metrics(25, errors=3)
    wait_for(lambda: requests_of(fake_engine) == 25, "the next requests")
    points = points_of(fake_engine)
    assert sum(point.errors for point in points) == 3
    assert all((point.p50_ms, point.requests_per_second > 0) == (3.0, True) for point in points)
    (all_of_it,) = fake_engine.services.traffic_history("svc").resampled(1)
    assert (all_of_it.requests, all_of_it.p50_ms) == (25, 3.0)


def test_a_server_that_is_started_again_counts_from_zero(
    fake_engine: Engine, fake: FakeTarget, answering: Answering
) -> None:
    answering.metrics = metrics(700)
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    wait_for(lambda: requests_of(fake_engine) == 700, "the requests")
    answering.metrics = metrics(800, "b", uptime=0.5)
    wait_for(lambda: requests_of(fake_engine) == 1500, "those of the new server")
    answering.metrics = metrics(3, "c", uptime=0.5)
    wait_for(lambda: requests_of(fake_engine) == 1503, "those of one that has counted less")


def test_several_replicas_are_estimated(fake_engine: Engine, fake: FakeTarget, answering: Answering) -> None:
    answering.metrics = metrics(0)
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    fake_engine.replicas.set("svc", 4)
    wait_for(lambda: fake_engine.services.get("svc").stats.get("replicas") == 4, "the replicas")
    answering.metrics = metrics(10)
    wait_for(lambda: requests_of(fake_engine) == 40, "four times as many")
    answering.metrics = metrics(90_000, "b", uptime=9000)  # another replica, which has run for long
    wait_for(lambda: fake_engine.services.get("svc").stats.get("requests") == 90_000, "its metrics")
    answering.metrics = metrics(20)
    wait_for(lambda: requests_of(fake_engine) > 40, "the requests of the first one")
    assert requests_of(fake_engine) <= 80


def test_another_supervisor_goes_on_where_one_has_ended(
    make_engine: MakeEngine, fake: FakeTarget, answering: Answering
) -> None:
    answering.metrics = metrics(5)
    first = make_engine(targets=lambda name: fake)
    first.services.wait(first.services.deploy("svc", [], script(), ON_FAKE))
    wait_for(lambda: requests_of(first) == 5, "the first requests")
    first.close()
    answering.metrics = metrics(12, uptime=9000)
    second = make_engine(targets=lambda name: fake)
    assert requests_of(second) == 5
    second.supervision.ensure_for_services()
    wait_for(lambda: requests_of(second) == 12, "those while nobody supervised it")


def test_what_was_measured_last_is_written_at_the_end(
    make_engine: MakeEngine, fake: FakeTarget, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "PERIOD_SECONDS", 3600.0)
    answering.metrics = metrics(5)
    first = make_engine(targets=lambda name: fake)
    first.services.wait(first.services.deploy("svc", [], script(), ON_FAKE))
    wait_for(lambda: first.services.get("svc").stats.get("requests") == 5, "its metrics")
    assert requests_of(first) == 0
    first.close()
    assert requests_of(make_engine(targets=lambda name: fake)) == 5


def test_a_supervisor_that_lost_its_lease_adds_no_point(
    fake_engine: Engine, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "PERIOD_SECONDS", 3600.0)
    answering.metrics = metrics(5)
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    wait_for(lambda: fake_engine.services.get("svc").stats.get("requests") == 5, "its metrics")
    with fake_engine.memory.writing() as tx:
        tx.execute(update(table).values(lease_until=leases.clock(tx) - 1))
        services.lease(tx, ELSEWHERE)
    fake_engine.supervision.close()
    assert requests_of(fake_engine) == 0


def test_it_is_deleted_with_the_service(fake_engine: Engine, answering: Answering) -> None:
    answering.metrics = metrics(5)
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    wait_for(lambda: requests_of(fake_engine) == 5, "the requests")
    fake_engine.services.delete("svc")
    fake_engine.services.wait(fake_engine.services.deploy("other", [], script(), ON_FAKE))
    wait_for(lambda: requests_of(fake_engine, "other") == 5, "the requests of another service")
    with fake_engine.memory.reading() as tx:
        ids = {row.service_id for row in tx.execute(traffic_points.select())}
    assert ids == {fake_engine.services.get("other").id}


READ = """
import sys
from pathlib import Path
from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location
engine = Engine(Location.of_folder(Path(sys.argv[1])), supervise=False, use_daemon=False)
print(sum(point.requests for point in engine.services.traffic_history("svc").points))
engine.close()
"""


@pytest.mark.processes
def test_a_real_service_that_is_killed_goes_on(engine: Engine) -> None:
    engine.services.wait(engine.services.deploy("svc", [], script()))
    for value in range(20):
        pid = engine.requests.score("svc", value)["pid"]
    assert engine.requests.send("svc", b"no JSON").status >= 400
    wait_for(lambda: requests_of(engine) == 21, "the requests in the history")
    assert sum(point.errors for point in points_of(engine)) == 1
    assert all(0 < (point.p50_ms or 0) <= (point.p99_ms or 0) for point in points_of(engine))

    os.kill(pid, signal.SIGKILL)
    wait_for(
        lambda: (now := engine.services.get("svc")).restarts == 1 and now.state is State.HEALTHY,
        "the restart",
    )
    for value in range(10):
        engine.requests.score("svc", value)
    wait_for(lambda: requests_of(engine) == 31, "the requests to the new server")
    engine.services.wait(engine.services.update("svc", config_changes={"environment_variables": {"A": "1"}}))
    for value in range(5):
        engine.requests.score("svc", value)
    wait_for(lambda: requests_of(engine) == 36, "the requests to the new revision")
    assert all(point.requests > 0 and point.errors >= 0 for point in points_of(engine))

    command = [sys.executable, "-c", READ, str(engine.location.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) == 36
