"""Services that follow a model: on the fake target, each path of a trigger."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from mlmagic.core.events import EventKind
from mlmagic.core.model import ModelDescription
from mlmagic.core.webservice import Observation, Phase, State
from mlmagic.engine.engine import Engine
from mlmagic.engine.models.models import Models
from mlmagic.engine.services.deployment import Deployments
from mlmagic.engine.services.follower import Follower
from mlmagic.engine.services.keys import Keys
from mlmagic.engine.targets import Targets
from mlmagic.errors import InvalidConfig, NotFound, UsageError
from mlmagic.targets.fake import FakeTarget
from tests.support.engines import ON_FAKE, MakeEngine, script
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together


def register(engine: Engine, name: str = "m", **tags: str) -> str:
    path = engine.location.folder / "model.txt"
    path.write_text("x")
    return engine.models.register(path, ModelDescription(name, tags=tags)).id


@pytest.fixture
def serving(fake_engine: Engine) -> Engine:
    """A service with m:1 and other:1."""
    register(fake_engine)
    register(fake_engine, "other")
    fake_engine.services.wait(fake_engine.services.deploy("svc", ["other", "m"], script(), ON_FAKE))
    return fake_engine


def serves(engine: Engine, *models: str) -> None:
    def does() -> bool:
        now = engine.services.get("svc")
        return now.models == models and now.state is State.HEALTHY and now.serving == now.revision

    wait_for(does, f"svc to serve {models}")


def told(engine: Engine, kind: EventKind) -> list[str]:
    return [event.message for event in engine.events.list(service="svc") if event.kind is kind]


def requested(engine: Engine) -> int:
    return len(told(engine, EventKind.UPDATE_REQUESTED))


def test_a_new_version_is_taken_on_once(serving: Engine) -> None:
    serving.follows.add("svc", "m")
    register(serving, "other")  # which is not followed
    register(serving)
    serves(serving, "other:1", "m:2")
    wait_for(lambda: told(serving, EventKind.FOLLOWED), "the outcome")
    assert told(serving, EventKind.FOLLOWED) == ["serves m:2, as it follows m"]
    assert requested(serving) == 1
    (follow,) = serving.follows.list()
    assert (str(follow), follow.last) == ("svc follows m", "m:2 done")


def test_a_version_that_fails_is_told_and_not_tried_again(serving: Engine, fake: FakeTarget) -> None:
    serving.follows.add("svc", "m")
    error = {"phase": "init", "type": "ValueError", "message": "broken"}
    fake.next_observations = [Observation(Phase.EXITED, words="broken", error=error)]
    register(serving)
    wait_for(lambda: told(serving, EventKind.FOLLOW_FAILED), "the outcome")
    assert told(serving, EventKind.FOLLOW_FAILED) == [
        "the update to m:2 failed and is not retried: ValueError: broken; revision 1 keeps serving"
    ]
    serves(serving, "other:1", "m:1")
    serving.models.change("m:2", tags={"again": "yes"})  # it counted once
    register(serving)
    serves(serving, "other:1", "m:3")
    assert requested(serving) == 2
    wait_for(lambda: "m:3 done" in serving.follows.list("svc")[0].last, "the next")


@pytest.mark.parametrize(
    ("changes", "last"),
    [
        ({"config_changes": {"description": "newer"}}, "m:2 done"),
        ({"model_names": ["other"]}, "m:2 failed: revision 3 replaced it before it served"),
    ],
)
def test_an_update_by_hand_replaces_one_that_is_under_way(
    serving: Engine, fake: FakeTarget, changes: dict[str, Any], last: str
) -> None:
    serving.follows.add("svc", "m")
    fake.next_observations = [Observation(Phase.STARTING)]
    register(serving)
    wait_for(lambda: serving.services.get("svc").candidate == 2, "the update of the follow")
    serving.services.wait(serving.services.update("svc", **changes), 20)
    wait_for(lambda: serving.follows.list("svc")[0].last == last, "the outcome")


def test_the_tag_decides_when_it_is_registered_or_later(serving: Engine) -> None:
    serving.follows.add("svc", "m", "stage=production")
    register(serving, stage="test")
    register(serving, stage="test")
    serving.models.change("m:2", tags={"stage": "production"})
    serves(serving, "other:1", "m:2")
    register(serving, stage="production")
    serves(serving, "other:1", "m:4")
    serving.models.change("m:3", tags={"stage": "production"})  # older than what is served
    register(serving, stage="production")
    serves(serving, "other:1", "m:5")
    assert requested(serving) == 3


def test_what_cannot_be_tried_is_told(serving: Engine, fake: FakeTarget) -> None:
    serving.follows.add("svc", "m")
    fake.available = False
    register(serving)
    wait_for(lambda: told(serving, EventKind.FOLLOW_FAILED), "the outcome")
    assert "the update to m:2 failed and is not retried: the fake target is off" in str(
        told(serving, EventKind.FOLLOW_FAILED)
    )
    assert requested(serving) == 0


def test_versions_wait_for_a_service_that_is_stopped_and_the_newest_is_taken(serving: Engine) -> None:
    serving.follows.add("svc", "m")
    serving.services.stop("svc")
    for _ in range(3):
        register(serving)
    assert requested(serving) == 0
    serving.services.start("svc")
    serves(serving, "other:1", "m:4")
    assert requested(serving) == 1


def test_of_many_that_see_a_version_one_takes_it_on(
    make_engine: MakeEngine, fake: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(targets=lambda name: fake)
    register(engine)
    service = engine.services.wait(engine.services.deploy("svc", ["m"], script(), ON_FAKE))
    engine.follows.add("svc", "m")
    engine.close()  # nobody looks after it now
    with engine.memory.writing() as tx:
        from mlmagic.workspace import models

        models.add(tx, ModelDescription("m"), ())
    barrier = threading.Barrier(8)

    def look() -> None:
        targets = Targets(lambda name: fake)
        keys, models = Keys(engine.memory, targets), Models(engine.memory, on_news=lambda: None)
        follower = Follower(engine.memory, Deployments(engine.memory, targets, models, keys))
        barrier.wait()
        follower.look(service)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert requested(engine) == 1
    assert engine.services.get("svc").models == ("m:2",)


def test_unfollow_and_delete_end_it(serving: Engine) -> None:
    serving.follows.add("svc", "m")
    serving.follows.add("svc", "m", "a=b")  # in place of the first
    assert [str(each) for each in serving.follows.list()] == ["svc follows m with a=b"]
    serving.follows.remove("svc", "m")
    assert serving.follows.list() == []
    with pytest.raises(NotFound, match="Model followed by 'svc' not found"):
        serving.follows.remove("svc")
    serving.follows.add("svc", "m")
    serving.services.delete("svc")
    register(serving)
    serving.services.wait(serving.services.deploy("svc", ["m:1"], script(), ON_FAKE))
    assert serving.follows.list() == []
    register(serving)
    assert requested(serving) == 0


def test_bad_input_is_refused(serving: Engine) -> None:
    with pytest.raises(NotFound, match="Service not found: 'nothing'"):
        serving.follows.add("nothing", "m")
    with pytest.raises(UsageError, match=r"'svc' does not serve 'n'.*It serves other:1, m:1"):
        serving.follows.add("svc", "n")
    with pytest.raises(InvalidConfig, match="tag 'prod' must be KEY=VALUE"):
        serving.follows.add("svc", "m", "prod")
    with pytest.raises(InvalidConfig, match="model name 'm:2'"):
        serving.follows.add("svc", "m:2")
    assert serving.follows.list() == []
