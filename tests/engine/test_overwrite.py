"""A deploy over a service that exists: what there is goes on, or is kept, until its successor takes over."""

from __future__ import annotations

from errno import ENOSPC
from pathlib import Path

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.webservice import Desired, Observation, Phase, State
from mlmagic.engine.engine import Engine
from mlmagic.engine.scripts import sources
from mlmagic.errors import CaptureError, LaunchFailed, UsageError
from mlmagic.targets.fake import FakeTarget
from mlmagic.workspace import services
from tests.support.answering import Answering
from tests.support.engines import ON_FAKE, MakeEngine, script
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together

STARTING = Observation(Phase.STARTING)

TwoTargets = tuple[Engine, FakeTarget, FakeTarget]


@pytest.fixture
def two_targets(make_engine: MakeEngine, answering: Answering) -> TwoTargets:
    """An engine, its target "fake", and its target "there"."""
    here, there = FakeTarget(), FakeTarget()
    here.url = there.url = answering.url
    return make_engine(targets=lambda name: there if name == "there" else here), here, there


def test_an_overwrite_on_another_target_keeps_what_serves_until_its_successor_answers(
    two_targets: TwoTargets,
) -> None:
    engine, here, there = two_targets
    first = engine.services.wait(engine.services.deploy("svc", [], script(), ON_FAKE))
    elsewhere = DeploymentConfig("there")

    # The successor fails: the service serves on where it was.
    there.next_observations = [Observation(Phase.EXITED, words="no")]
    with pytest.raises(LaunchFailed, match="revision 1 keeps serving"):
        engine.services.wait(engine.services.deploy("svc", [], script(), elsewhere, overwrite=True))
    now = engine.services.get("svc")
    assert (now.id, now.state, now.serving, now.target) == (first.id, State.HEALTHY, 1, "fake")
    wait_for(lambda: all(each.stopped for each in there.services.values()), "the end of what failed")
    assert not any(each.stopped for each in here.services.values())

    # While the successor starts, the old revision serves; then it is retired.
    there.next_observations = [STARTING]
    moving = engine.services.deploy("svc", [], script("other"), elsewhere, overwrite=True)
    assert engine.services.get("svc").serving == 1
    wait_for(lambda: engine.services.get("svc").candidate, "the launch")
    assert engine.services.get("svc").serving == 1
    assert not any(each.stopped for each in here.services.values())
    there.only().observation = Observation(Phase.RUNNING, url=there.url, ready=1)
    moved = engine.services.wait(moving)
    assert (moved.id, moved.state, moved.target, moved.serving) == (first.id, State.HEALTHY, "there", 3)
    wait_for(lambda: all(each.stopped for each in here.services.values()), "the end of the old revision")

    engine.services.stop("svc")
    engine.services.wait(engine.services.start("svc"))
    assert engine.services.get("svc").target == "there"
    engine.services.delete("svc")
    assert all(each.stopped for each in there.services.values())


def test_a_stop_in_the_middle_of_a_move_records_the_target_of_its_handle(two_targets: TwoTargets) -> None:
    engine, here, there = two_targets
    engine.services.wait(engine.services.deploy("svc", [], script(), ON_FAKE))
    there.next_observations = [STARTING]
    engine.services.deploy("svc", [], script("other"), DeploymentConfig("there"), overwrite=True)
    wait_for(lambda: engine.services.get("svc").candidate_handle, "the launch")
    (key,) = there.services
    stopped = engine.services.stop("svc")
    assert (stopped.target, stopped.handle) == ("there", {"key": key})
    assert all(each.stopped for fake in (here, there) for each in fake.services.values())


@pytest.mark.parametrize("verb", ["update", "restart"])
def test_what_moves_to_another_target_can_be_changed_meanwhile(two_targets: TwoTargets, verb: str) -> None:
    engine, here, there = two_targets
    engine.services.wait(engine.services.deploy("svc", [], script(), ON_FAKE))
    there.next_observations = [STARTING]
    engine.services.deploy("svc", [], script("other"), DeploymentConfig("there"), overwrite=True)
    wait_for(lambda: engine.services.get("svc").candidate_handle, "the launch")
    here.available = False  # it is not needed for what is to run elsewhere
    if verb == "update":
        changed = engine.services.update("svc", config_changes={"description": "new"})
    else:
        changed = engine.services.restart("svc")
    moved = engine.services.wait(changed)
    assert (moved.target, moved.serving) == ("there", 3)
    with pytest.raises(UsageError, match="runs on 'there' and cannot move to 'fake'"):
        engine.services.update("svc", config_changes={"target": "fake"})


def test_the_logs_of_what_starts_on_another_target_are_those_of_that_target(two_targets: TwoTargets) -> None:
    engine, here, there = two_targets
    here.next_observations, there.next_observations = [STARTING], [STARTING]
    engine.services.deploy("svc", [], script(), ON_FAKE)
    wait_for(lambda: engine.services.get("svc").candidate_handle, "the first launch")
    engine.services.deploy("svc", [], script("other"), DeploymentConfig("there"), overwrite=True)
    wait_for(
        lambda: (now := engine.services.get("svc")).candidate == 2 and now.candidate_handle, "the second"
    )
    assert list(engine.services.logs("svc")) == ["launched svc r2"]


def test_an_overwrite_that_is_refused_leaves_what_serves(fake_engine: Engine, tmp_path: Path) -> None:
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    (tmp_path / "score.py").write_text("def init(): pass\n")  # without run()
    with pytest.raises(CaptureError):
        fake_engine.services.deploy(
            "svc", [], InferenceConfig(str(tmp_path / "score.py")), DeploymentConfig("other"), overwrite=True
        )
    assert fake_engine.services.get("svc").state is State.HEALTHY


@pytest.mark.parametrize("came_up", [True, False], ids=["stopped", "failed"])
def test_what_does_not_serve_is_kept_until_its_successor_is_recorded(
    two_targets: TwoTargets, monkeypatch: pytest.MonkeyPatch, came_up: bool
) -> None:
    engine, here, _ = two_targets
    if came_up:
        engine.services.wait(engine.services.deploy("svc", [], script(), ON_FAKE))
        engine.services.stop("svc")
    else:
        here.next_observations = [Observation(Phase.EXITED, words="no")]
        with pytest.raises(LaunchFailed):
            engine.services.wait(engine.services.deploy("svc", [], script(), ON_FAKE))
    before = engine.services.get("svc")

    elsewhere = DeploymentConfig("there")
    with monkeypatch.context() as full:

        def refuse(*_: object) -> None:
            raise OSError(ENOSPC, "No space left on device")

        full.setattr(sources, "take", refuse)
        with pytest.raises(OSError, match="No space left"):
            engine.services.deploy("svc", [], script("other"), elsewhere, overwrite=True)
    assert engine.services.get("svc") == before

    again = engine.services.wait(
        engine.services.deploy("svc", [], script("other"), elsewhere, overwrite=True)
    )
    assert (again.id, again.state, again.target, again.serving) == (before.id, State.HEALTHY, "there", 2)
    assert all(each.stopped for each in here.services.values())


def test_a_deploy_follows_a_deletion_that_is_under_way(fake_engine: Engine, fake: FakeTarget) -> None:
    first = fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE))
    with fake_engine.memory.writing() as tx:
        services.want(tx, services.get(tx, "svc"), Desired.DELETED)
    again = fake_engine.services.wait(
        fake_engine.services.deploy("svc", [], script(), ON_FAKE, overwrite=True)
    )
    assert again.id != first.id
    assert [each.stopped for each in fake.services.values()] == [True, False]
