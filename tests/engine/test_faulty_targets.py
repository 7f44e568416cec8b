"""The life of a service on compute targets that are slow, away at times, unsure or forgetful."""

from __future__ import annotations

import pytest

from mlmagic.core.events import EventKind
from mlmagic.core.webservice import Observation, Phase, State, Webservice
from mlmagic.engine.engine import Engine
from mlmagic.errors import LaunchFailed, ScriptError
from mlmagic.targets.fake import FakeTarget
from mlmagic.targets.faulty_fakes import ForgetfulTarget
from tests.support.answering import Answering
from tests.support.engines import ON_FAKE, MakeEngine, on_every_fake, script
from tests.support.waiting import wait_for

pytestmark = on_every_fake


def deploy(engine: Engine, fake: FakeTarget) -> Webservice:
    """A service that is Healthy, and that the target has forgotten once if it forgets."""
    engine.services.wait(engine.services.deploy("svc", [], script(), ON_FAKE), 20)
    if isinstance(fake, ForgetfulTarget):
        wait_for(lambda: engine.services.get("svc").restarts == 1, "the restart of what is forgotten")
    return healthy(engine)


def healthy(engine: Engine) -> Webservice:
    wait_for(lambda: engine.services.get("svc").state is State.HEALTHY, "Healthy", timeout=20)
    return engine.services.get("svc")


def running(fake: FakeTarget) -> list[int]:
    """The revisions that run."""
    return [service.spec.revision for service in fake.services.values() if not service.stopped]


def test_a_deployment_becomes_healthy(fake_engine: Engine, fake: FakeTarget, answering: Answering) -> None:
    service = deploy(fake_engine, fake)
    assert (service.serving, service.url, service.error) == (1, answering.url, None)
    assert running(fake) == [1]
    kinds = [event.kind for event in fake_engine.events.list(service="svc")]
    assert kinds[:3] == [EventKind.DEPLOY_REQUESTED, EventKind.LAUNCHED, EventKind.STATE_CHANGED]
    assert kinds.count(EventKind.LAUNCHED) == (2 if isinstance(fake, ForgetfulTarget) else 1)


def test_an_update_retires_the_old_revision(fake_engine: Engine, fake: FakeTarget) -> None:
    deploy(fake_engine, fake)
    updated = fake_engine.services.wait(fake_engine.services.update("svc", inference=script("other")), 20)
    assert (updated.state, updated.revision, updated.serving) == (State.HEALTHY, 2, 2)
    wait_for(lambda: running(fake) == [2], "the end of revision 1")


def test_a_stopped_service_starts_again(fake_engine: Engine, fake: FakeTarget) -> None:
    deploy(fake_engine, fake)
    assert fake_engine.services.stop("svc").state is State.STOPPED
    assert running(fake) == []
    assert fake_engine.services.wait(fake_engine.services.start("svc"), 20).state is State.HEALTHY
    assert running(fake) == [1]


def test_a_deleted_service_leaves_nothing(fake_engine: Engine, fake: FakeTarget) -> None:
    service = deploy(fake_engine, fake)
    fake_engine.services.delete("svc")
    assert fake_engine.services.list() == []
    assert running(fake) == []
    assert not (fake_engine.memory.services_folder / service.id).exists()


def test_the_failure_of_a_script_is_reported(fake_engine: Engine, fake: FakeTarget) -> None:
    record = {"phase": "init", "type": "KeyError", "message": "'w1'", "traceback": "in init"}
    fake.next_observations = [Observation(Phase.EXITED, words="'w1'", error=record)]
    with pytest.raises(ScriptError, match="KeyError: 'w1'"):
        fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE), 20)
    assert fake_engine.services.get("svc").state is State.FAILED


def test_a_refused_launch_is_reported(fake_engine: Engine, fake: FakeTarget) -> None:
    fake.refuses = "no room in the rack"
    with pytest.raises(LaunchFailed, match="no room in the rack"):
        fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE), 20)


def test_an_update_that_fails_keeps_the_old_revision(fake_engine: Engine, fake: FakeTarget) -> None:
    deploy(fake_engine, fake)
    fake.next_observations = [Observation(Phase.EXITED, words="no x", error={"message": "no x"})]
    with pytest.raises(LaunchFailed, match="revision 1 keeps serving"):
        fake_engine.services.wait(fake_engine.services.update("svc", inference=script("other")), 20)
    assert (healthy(fake_engine).revision, healthy(fake_engine).serving) == (1, 1)
    wait_for(lambda: not fake_engine.services.get("svc").retiring, "the end of revision 2")


def test_a_service_that_ends_is_restarted(fake_engine: Engine, fake: FakeTarget) -> None:
    restarts = deploy(fake_engine, fake).restarts
    service = fake.only()
    service.stopped, service.observation = True, Observation(Phase.EXITED, words="ended by signal SIGKILL")
    wait_for(lambda: fake_engine.services.get("svc").restarts == restarts + 1, "the restart")
    assert healthy(fake_engine).serving == 1
    wait_for(lambda: running(fake) == [1], "the new process")


def test_another_process_deletes_it(make_engine: MakeEngine, fake: FakeTarget) -> None:
    first = make_engine(targets=lambda name: fake)
    second = make_engine(targets=lambda name: fake, supervise=False)
    deploy(first, fake)
    second.services.delete("svc")
    assert first.services.list() == []
    assert running(fake) == []
