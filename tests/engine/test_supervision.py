"""One engine has one supervisor, however many threads call it and however many signals it gets."""

from __future__ import annotations

import threading
import time
from typing import NoReturn

import pytest
from sqlalchemy import select, update

from mlmagic.core.events import EventKind
from mlmagic.core.webservice import Observation, Phase, State
from mlmagic.engine.engine import Engine
from mlmagic.engine.services.reconcile import decisions
from mlmagic.engine.services.reconcile.decisions import PROBES_BEFORE_UNHEALTHY
from mlmagic.errors import NotFound
from mlmagic.targets.fake import FakeTarget
from mlmagic.targets.faulty_fakes import HeldTarget
from mlmagic.workspace import leases, services
from mlmagic.workspace.database import services as table
from mlmagic.workspace.identity import ProcessIdentity
from mlmagic.workspace.wakeup import FALSE_AT_ONCE, FALSE_PER_SECOND, WakeupListener
from tests.support.answering import Answering
from tests.support.engines import ON_FAKE, MakeEngine, script
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together

ELSEWHERE = ProcessIdentity("elsewhere", 1, "1.0").mark()


def test_threads_that_call_at_once_start_one_supervisor(fake_engine: Engine) -> None:
    barrier = threading.Barrier(8)

    def call() -> None:
        barrier.wait()
        fake_engine.supervision.ensure()

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert supervisors() == 1


def test_reading_starts_no_supervisor(make_engine: MakeEngine, fake: FakeTarget) -> None:
    first = make_engine(targets=lambda name: fake)
    first.services.wait(first.services.deploy("svc", [], script(), ON_FAKE), 20)
    first.close()
    reader = make_engine(targets=lambda name: fake)
    assert [service.name for service in reader.services.list()] == ["svc"]
    assert reader.services.names() == ["svc"]
    assert reader.services.get("svc").state is State.HEALTHY
    assert reader.events.list(service="svc")
    assert supervisors() == 0
    reader.supervision.ensure_for_services()  # as %services does: nobody supervises it
    assert supervisors() == 1
    wait_for(lambda: holder(reader), "its lease")
    another = make_engine(targets=lambda name: fake)
    another.supervision.ensure_for_services()
    assert supervisors() == 1


def test_a_supervisor_that_lost_its_lease_writes_nothing(make_engine: MakeEngine) -> None:
    target = HeldTarget()
    engine = make_engine(targets=lambda name: target)
    service = engine.services.deploy("svc", [], script(), ON_FAKE)
    wait_for(lambda: target.services, "a launch that does not return yet")
    with engine.memory.writing() as tx:
        tx.execute(update(table).values(lease_until=leases.clock(tx) - 1))
        [taken] = services.lease(tx, ELSEWHERE)
    target.release()
    target_returned = [event.kind for event in engine.events.list(service="svc")]
    engine.supervision.close()  # waits for the step
    assert EventKind.LAUNCHED not in target_returned
    assert engine.services.get(service.name) == taken
    assert [event.kind for event in engine.events.list(service="svc")] == [EventKind.DEPLOY_REQUESTED]


@pytest.mark.parametrize("answers", [True, False])
def test_a_step_that_fails_is_logged_once_and_shown(
    make_engine: MakeEngine, fake: FakeTarget, answers: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """As when the package of a target was uninstalled, or its configuration is broken."""
    engine = make_engine(targets=lambda name: fake)
    engine.services.wait(engine.services.deploy("svc", [], script(), ON_FAKE), 20)
    looks = 0

    def missing(handle: object) -> NoReturn:
        nonlocal looks
        looks += 1
        raise NotFound("target", "fake", ["local"])

    fake.observe = missing  # type: ignore[method-assign]
    if not answers:
        with engine.memory.writing() as tx:
            tx.execute(update(table).values(url="http://127.0.0.1:9"))
        wait_for(lambda: engine.services.get("svc").state is State.UNHEALTHY, "Unhealthy")
        assert engine.services.get("svc").words == "Target not found: 'fake'; trying again"
        events = [event.message for event in engine.events.list(service="svc")]
        assert events[-1] == "Unhealthy: Target not found: 'fake'; trying again"
    wait_for(lambda: looks > 5, "five steps")
    assert engine.services.get("svc").state is (State.HEALTHY if answers else State.UNHEALTHY)
    messages = [record.getMessage() for record in caplog.records if "trying again" in record.getMessage()]
    assert messages == ["service 'svc': Target not found: 'fake'; trying again"]
    del fake.observe  # type: ignore[method-assign]
    wait_for(lambda: engine.services.get("svc").state is State.HEALTHY, "Healthy again")


def test_failed_probes_of_a_replica_are_over_when_the_next_one_starts(
    make_engine: MakeEngine, fake: FakeTarget, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a service with an idle timeout is called while its last replica ends."""
    monkeypatch.setattr(decisions, "SECONDS_BEFORE_UNHEALTHY", 0.0)
    engine = make_engine(targets=lambda name: fake)
    engine.services.wait(engine.services.deploy("svc", [], script(), ON_FAKE), 20)
    looks, states = 0, set()

    def seen(handle: object) -> Observation:
        nonlocal looks
        looks += 1
        answering.healthy = False
        states.add(engine.services.get("svc").state)
        starts = looks % PROBES_BEFORE_UNHEALTHY == 0
        return Observation(Phase.STARTING if starts else Phase.RUNNING, url=fake.url, ready=int(not starts))

    monkeypatch.setattr(fake, "observe", seen)
    wait_for(lambda: looks > 4 * PROBES_BEFORE_UNHEALTHY, "replicas that start and end")
    assert states == {State.HEALTHY}


def supervisors() -> int:
    """How many supervisors this process has."""
    return [thread.name for thread in threading.enumerate()].count("mlmagic-supervisor")


def holder(engine: Engine) -> str | None:
    """Who holds the lease of the workspace's one service."""
    with engine.memory.reading() as tx:
        return tx.scalar(select(table.c.lease_holder))


def test_a_flood_of_wake_up_signals_costs_few_looks_at_the_rows(
    fake_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_engine.services.wait(fake_engine.services.deploy("flooded", [], script(), ON_FAKE))
    answered = 0
    clear = WakeupListener.clear

    def counted(listener: WakeupListener) -> None:
        nonlocal answered
        answered += 1
        clear(listener)

    monkeypatch.setattr(WakeupListener, "clear", counted)
    fake_engine.bus.subscribe(lambda news: None)
    began, sent = time.monotonic(), 0
    while sent < 10_000:
        fake_engine.memory.notify_all()
        sent += 1
    seconds = time.monotonic() - began
    listeners = 2  # the supervisor's and the bus's
    assert answered <= 2 * listeners * (FALSE_AT_ONCE + FALSE_PER_SECOND * seconds) < sent
    fake_engine.services.wait(fake_engine.services.deploy("afterwards", [], script(), ON_FAKE))
