"""A service that is to stay what it is: anew, newer, or more of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvalidConfig, UsageError, WrongState
from mlmagic.targets.fake import FakeTarget
from tests.conftest import MakeEngine
from tests.engine.conftest import ON_FAKE, script
from tests.targets.contract import wait_for

SCRIPT = "def init(): pass\ndef run(data): return {}\n"


def captured(number: int) -> InferenceConfig:
    return InferenceConfig("score.py", script_text=SCRIPT.format(number))


def test_a_restart_is_an_update_to_the_same(fake_engine: Engine, fake: FakeTarget) -> None:
    config = DeploymentConfig("fake", auth_enabled=True, tags={"a": "b"})
    fake_engine.wait(fake_engine.deploy("svc", [], script(), config), 20)
    keys, before = fake_engine.get_keys("svc"), fake_engine.revision(fake_engine.service("svc"))
    service = fake_engine.wait(fake_engine.restart("svc"), 20)
    assert (service.serving, service.tags, fake_engine.get_keys("svc")) == (2, {"a": "b"}, keys)
    assert replace(fake_engine.revision(service), number=1) == before
    wait_for(lambda: fake.only().spec.revision == 2, "the first to end")
    fake_engine.stop("svc")
    assert fake_engine.restart("svc").state is State.TRANSITIONING
    with pytest.raises(WrongState, match="cannot restart 'svc' while it is Transitioning"):
        _restart_twice(fake_engine)


def _restart_twice(engine: Engine) -> None:
    engine.wait(engine.service("svc"), 20)
    engine.restart("svc")
    engine.restart("svc")


def test_what_is_newer_is_said_and_nothing_is_recorded(fake_engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "model.txt"
    file.write_text("x")
    for name in ("wine", "wine", "iris"):
        fake_engine.register(file, ModelDescription(name))
    fake_engine.wait(fake_engine.deploy("svc", ["wine:1", "iris"], captured(1), ON_FAKE), 20)
    events = len(fake_engine.events())
    same = fake_engine.renewal("svc", captured(1), "it")
    assert same.words == ("wine:1 becomes wine:2",)
    renewal = fake_engine.renewal("svc", captured(2), "it")
    assert renewal.words == ("wine:1 becomes wine:2", "the script becomes it")
    assert len(fake_engine.events()) == events
    fake_engine.register(file, ModelDescription("wine"))  # later than what was said
    service = fake_engine.wait(fake_engine.renew("svc", renewal, captured(2)), 20)
    assert service.models == ("wine:2", "iris:1")
    assert fake_engine.renewal("svc", captured(2), "it").words == ("wine:2 becomes wine:3",)


def test_scale(fake_engine: Engine, fake: FakeTarget, make_engine: MakeEngine) -> None:
    service = fake_engine.wait(fake_engine.deploy("svc", [], script(), ON_FAKE), 20)
    assert fake.capabilities.scales
    assert fake_engine.can_scale(service)
    fake_engine.scale("svc", 3)
    wait_for(lambda: fake_engine.service("svc").stats.get("replicas") == 3.0, "three")
    assert fake_engine.newest_events(1, "svc")[0].message == "3 replicas asked for"
    with pytest.raises(InvalidConfig, match="between 1 and 100"):
        fake_engine.scale("svc", 0)
    fake_engine.stop("svc")
    with pytest.raises(WrongState, match="cannot scale 'svc' while it is Stopped"):
        fake_engine.scale("svc", 1)


def test_one_replica_is_all_there_is_on_this_machine(engine: Engine, fake_engine: Engine) -> None:
    fake_engine.wait(fake_engine.deploy("svc", [], script(), ON_FAKE), 20)
    fake_engine._targets = engine._targets
    with fake_engine.memory.writing() as tx:
        tx.exec_driver_sql("UPDATE services SET target = 'local'")
    assert not engine.can_scale(engine.service("svc"))
    with pytest.raises(UsageError, match="which runs one replica"):
        engine.scale("svc", 2)
