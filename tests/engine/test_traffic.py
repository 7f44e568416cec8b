"""What a service was really asked: kept, listed, and asked again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvalidConfig, UsageError
from tests.support.answering import Answering
from tests.support.docker_engine import DockerEngine
from tests.support.engines import ON_FAKE, MakeEngine, script
from tests.support.waiting import wait_for


@pytest.mark.parametrize("count", [-1, 100_001])
def test_how_many_can_be_kept(count: int) -> None:
    with pytest.raises(InvalidConfig, match=f"recorded requests {count} must be between 0"):
        DeploymentConfig(recorded_requests=count)


def test_a_service_or_a_target_that_keeps_none_is_told(fake_engine: Engine, answering: Answering) -> None:
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE), 20)
    with pytest.raises(UsageError, match="'svc' does not record its requests"):
        fake_engine.requests.recorded("svc")
    keeping = replace(ON_FAKE, recorded_requests=5)
    fake_engine.services.wait(fake_engine.services.deploy("other", [], script(), keeping), 20)
    assert fake_engine.requests.recording_services() == ["other"]
    with pytest.raises(UsageError, match="target 'fake' does not record requests"):
        fake_engine.requests.recorded("other")


@pytest.mark.processes
@pytest.mark.timeout(300)
@pytest.mark.parametrize("target", ["local", "docker"])
def test_it_is_kept_and_asked_again(target: str, make_engine: MakeEngine, docker: DockerEngine) -> None:
    engine = make_engine()
    config = DeploymentConfig(target, memory_gb=0.25)
    engine.services.wait(engine.services.deploy("svc", [], script(), config))
    engine.requests.score("svc", 0)
    engine.services.wait(engine.services.update("svc", config_changes={"recorded_requests": 2}))
    with pytest.raises(UsageError, match="no requests to"):
        engine.requests.to_replay("svc")
    for value in (1, 2, 3):
        engine.requests.score("svc", value)
    # The server writes soon, not at once.
    wait_for(lambda: [row.body for row in engine.requests.recorded("svc")] == ["2", "3"], "the last two")
    assert [row.status for row in engine.requests.recorded("svc", last=1)] == [200]
    assert all(row.milliseconds > 0 for row in engine.requests.recorded("svc"))
    rows = [body.encode() for body in engine.requests.to_replay("svc")]
    assert engine.parity.check("svc", "local", rows).rows == 2
    engine.services.delete("svc")
