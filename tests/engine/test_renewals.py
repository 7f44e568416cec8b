"""A service that is to stay what it is: anew, newer, or more of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.core.webservice import State, Webservice
from mlmagic.engine.engine import Engine
from mlmagic.engine.services.deployment import Deployments
from mlmagic.errors import InvalidConfig, UsageError
from mlmagic.targets.fake import FakeTarget
from tests.support.engines import ON_FAKE, script
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together

SCRIPT = "def init(): pass\ndef run(data): return {}\n"


def captured(number: int) -> InferenceConfig:
    return InferenceConfig("score.py", script_text=SCRIPT.format(number))


def test_a_restart_is_an_update_to_the_same(fake_engine: Engine, fake: FakeTarget) -> None:
    config = DeploymentConfig("fake", auth_enabled=True, tags={"a": "b"})
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), config), 20)
    keys, before = fake_engine.keys.get("svc"), fake_engine.services.revision(fake_engine.services.get("svc"))
    service = fake_engine.services.wait(fake_engine.services.restart("svc"), 20)
    assert (service.serving, service.tags, fake_engine.keys.get("svc")) == (2, {"a": "b"}, keys)
    assert replace(fake_engine.services.revision(service), number=1) == before
    wait_for(lambda: fake.only().spec.revision == 2, "the first to end")
    fake_engine.services.stop("svc")
    assert fake_engine.services.restart("svc").state is State.TRANSITIONING
    fake_engine.services.wait(fake_engine.services.get("svc"), 20)
    first, second = fake_engine.services.restart("svc"), fake_engine.services.restart("svc")
    assert fake_engine.services.wait(first, 20).serving == second.revision
    wait_for(lambda: fake.only().spec.revision == second.revision, "the others to end")


@pytest.mark.parametrize("verb", ["restart", "update"])
def test_labels_that_were_changed_stay(fake_engine: Engine, verb: str) -> None:
    services = fake_engine.services
    config = DeploymentConfig("fake", tags={"a": "b"}, description="first")
    services.wait(services.deploy("svc", [], script(), config), 20)
    services.label("svc", tags={"a": "c"}, properties={"p": "1"})
    renewed = services.restart("svc") if verb == "restart" else services.update("svc", inference=script())
    now = services.wait(renewed, 20)
    assert (now.tags, now.properties, now.description) == ({"a": "c"}, {"p": "1"}, "first")


def test_a_label_that_is_changed_while_an_update_is_planned_stays(
    fake_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = fake_engine.services
    services.wait(services.deploy("svc", [], script(), DeploymentConfig("fake", tags={"a": "b"})), 20)
    record = Deployments.record

    def label_first(self: Deployments, *args: Any, **options: Any) -> Webservice:
        monkeypatch.setattr(Deployments, "record", record)
        services.label("svc", tags={"a": "c"})
        return record(self, *args, **options)

    monkeypatch.setattr(Deployments, "record", label_first)
    assert services.wait(services.update("svc", inference=script()), 20).tags == {"a": "c"}


def test_what_is_newer_is_said_and_nothing_is_recorded(fake_engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "model.txt"
    file.write_text("x")
    for name in ("wine", "wine", "iris"):
        fake_engine.models.register(file, ModelDescription(name))
    fake_engine.services.wait(
        fake_engine.services.deploy("svc", ["wine:1", "iris"], captured(1), ON_FAKE), 20
    )
    events = len(fake_engine.events.list())
    same = fake_engine.renewals.find("svc", captured(1), "it")
    assert same.words == ("wine:1 becomes wine:2",)
    renewal = fake_engine.renewals.find("svc", captured(2), "it")
    assert renewal.words == ("wine:1 becomes wine:2", "the script becomes it")
    assert len(fake_engine.events.list()) == events
    fake_engine.models.register(file, ModelDescription("wine"))  # later than what was said
    service = fake_engine.services.wait(fake_engine.renewals.carry_out("svc", renewal, captured(2)), 20)
    assert service.models == ("wine:2", "iris:1")
    assert fake_engine.renewals.find("svc", captured(2), "it").words == ("wine:2 becomes wine:3",)


def test_scale(fake_engine: Engine, fake: FakeTarget) -> None:
    service = fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE), 20)
    assert fake.capabilities.scales
    assert fake_engine.replicas.can_scale(service)
    assert fake_engine.replicas.set("svc", 3).replicas == 3
    wait_for(lambda: fake.only().observation.ready == 3, "three")
    wait_for(lambda: fake_engine.services.get("svc").stats.get("replicas") == 3.0, "three in the record")
    assert fake_engine.events.newest(1, "svc")[0].message == "3 replicas requested"
    assert fake_engine.services.revision(fake_engine.services.get("svc")).config.num_replicas == 3
    for wrong in (0, 101, 2.5, True, "3"):
        with pytest.raises(InvalidConfig, match="must be a whole number from 1 to 100"):
            fake_engine.replicas.set("svc", wrong)  # type: ignore[arg-type]


def test_a_stopped_service_starts_with_the_replicas_it_was_given(
    fake_engine: Engine, fake: FakeTarget
) -> None:
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE), 20)
    fake_engine.services.stop("svc")
    fake_engine.replicas.set("svc", 4)
    wait_for(lambda: fake_engine.services.get("svc").state is State.STOPPED, "its end")
    fake_engine.services.wait(fake_engine.services.start("svc"), 20)
    assert fake.only().spec.config.replicas == 4


def test_what_cannot_be_scaled_in_place_is_launched_again(fake_engine: Engine, fake: FakeTarget) -> None:
    service = fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE), 20)
    fake.scales_in_place = lambda handle: False  # type: ignore[method-assign]
    scaled = fake_engine.services.wait(fake_engine.replicas.set("svc", 2), 20)
    assert (scaled.revision, scaled.replicas) == (service.revision + 1, 2)
    assert fake.only().spec.config.replicas == 2
    assert fake_engine.services.revisions("svc")[0].change == "replicas"


def test_an_update_and_a_rollback_keep_the_replicas(fake_engine: Engine, fake: FakeTarget) -> None:
    fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE), 20)
    fake_engine.services.wait(fake_engine.services.update("svc", inference=captured(2)), 20)
    fake_engine.replicas.set("svc", 3)
    fake_engine.services.wait(fake_engine.services.update("svc", inference=captured(3)), 20)
    assert fake.only().observation.ready == 3
    back = fake_engine.services.rollback("svc", 1).service
    assert fake_engine.services.wait(back, 20).replicas == 3
    assert fake.only().observation.ready == 3


def test_a_target_may_run_one_replica_only(
    fake_engine: Engine, fake: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = fake_engine.services.wait(fake_engine.services.deploy("svc", [], script(), ON_FAKE), 20)
    monkeypatch.setattr(FakeTarget, "capabilities", replace(fake.capabilities, scales=False))
    assert not fake_engine.replicas.can_scale(service)
    with pytest.raises(UsageError, match="which runs one replica"):
        fake_engine.replicas.set("svc", 2)
