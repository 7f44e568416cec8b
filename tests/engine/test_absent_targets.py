"""What a service does while its compute target cannot be reached or is not sure."""

from __future__ import annotations

import pytest

from mlmagic.core.events import EventKind
from mlmagic.core.webservice import Observation, Phase, State
from mlmagic.engine.engine import Engine
from mlmagic.errors import LaunchFailed, TargetUnavailable
from mlmagic.targets.faulty_fakes import AwayTarget, FlappingTarget
from tests.support.engines import ON_FAKE, script
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together

on_away = pytest.mark.parametrize("fake", [AwayTarget], indirect=True)


def deploy(engine: Engine) -> None:
    engine.services.wait(engine.services.deploy("svc", [], script(), ON_FAKE), 20)


@on_away
def test_a_deployment_is_refused_before_anything_is_recorded(fake_engine: Engine, fake: AwayTarget) -> None:
    fake.leave(1)
    with pytest.raises(TargetUnavailable, match="is away"):
        fake_engine.services.deploy("svc", [], script(), ON_FAKE)
    assert fake_engine.services.list() == []


@on_away
def test_a_healthy_service_stays_healthy_until_its_target_is_back(
    fake_engine: Engine, fake: AwayTarget
) -> None:
    deploy(fake_engine)
    before = len(fake_engine.events.list(service="svc"))
    fake.leave(10)
    wait_for(lambda: not fake.is_away, "the target to be back")
    service = fake_engine.services.get("svc")
    assert (service.state, service.restarts) == (State.HEALTHY, 0)
    assert len(fake_engine.events.list(service="svc")) == before


@on_away
def test_a_launch_that_finds_nobody_says_why(fake_engine: Engine, fake: AwayTarget) -> None:
    fake.leave(1, only=["launch"])
    with pytest.raises(LaunchFailed, match="'svc' failed: the fake target is away"):
        deploy(fake_engine)


@on_away
def test_a_restart_waits_until_its_target_is_back(fake_engine: Engine, fake: AwayTarget) -> None:
    deploy(fake_engine)
    fake.calls = 0
    fake.leave(6, only=["launch"])
    service = fake.only()
    service.stopped, service.observation = True, Observation(Phase.EXITED, words="ended by signal SIGKILL")
    wait_for(
        lambda: fake_engine.services.get("svc").state is State.FAILED or not fake.is_away, "refused launches"
    )
    wait_for(
        lambda: fake_engine.services.get("svc").state in (State.HEALTHY, State.FAILED), "the end of restarts"
    )
    assert fake_engine.services.get("svc").state is State.HEALTHY


@on_away
def test_an_absent_target_is_no_fault_of_the_engine(
    fake_engine: Engine, fake: AwayTarget, caplog: pytest.LogCaptureFixture
) -> None:
    deploy(fake_engine)
    caplog.clear()
    fake.leave(3)
    wait_for(lambda: not fake.is_away, "the target to be back")
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("fake", [FlappingTarget], indirect=True)
def test_unknown_observations_change_nothing(fake_engine: Engine, fake: FlappingTarget) -> None:
    deploy(fake_engine)
    before = fake_engine.services.get("svc")
    fake.only().observation = Observation(Phase.UNKNOWN, words="the network is down")
    seen: list[State] = []

    def look() -> bool:
        seen.append(fake_engine.services.get("svc").state)
        return len(seen) >= 30

    wait_for(look, "thirty looks")
    assert set(seen) == {State.HEALTHY}
    kinds = [event.kind for event in fake_engine.events.list(service="svc")]
    assert EventKind.ENDED not in kinds
    assert fake_engine.services.get("svc").restarts == before.restarts
