"""Fixtures: engines over the test's workspace, on the real targets or on the fake one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.engine.engine import Engine
from mlmagic.engine.services.reconcile import pace
from mlmagic.errors import NotFound
from mlmagic.targets.fake import FakeTarget
from mlmagic.targets.faulty_fakes import AwayTarget, FlappingTarget, ForgetfulTarget, SlowTarget
from mlmagic.workspace import services
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory
from tests.support.answering import Answering

SCRIPTS = Path(__file__).parents[1] / "engine" / "scripts"
ON_FAKE = DeploymentConfig("fake")
ON_DOCKER = DeploymentConfig("docker", memory_gb=0.25)

MakeEngine = Callable[..., Engine]


def script(name: str = "echo") -> InferenceConfig:
    """One of tests/engine/scripts, as a deployment takes it."""
    return InferenceConfig(str(SCRIPTS / f"{name}.py"))


@pytest.fixture
def answering() -> Iterator[Answering]:
    server = Answering()
    yield server
    server.close()


@pytest.fixture
def fake(answering: Answering, request: pytest.FixtureRequest) -> FakeTarget:
    """A fake target whose services answer; with ``on_every_fake``, one after the other of all fakes."""
    target: FakeTarget = getattr(request, "param", FakeTarget)()
    target.url = answering.url
    return target


on_every_fake = pytest.mark.parametrize(
    "fake", [FakeTarget, SlowTarget, AwayTarget, FlappingTarget, ForgetfulTarget], indirect=True
)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services are observed often, so that the tests need not wait."""
    monkeypatch.setattr(pace, "WHILE_SERVING", 0.02)
    monkeypatch.setattr(pace, "WHILE_STARTING", 0.02)


@pytest.fixture
def make_engine(location: Location, _impatient: None) -> Iterator[MakeEngine]:
    """Creates engines over the test's one workspace; its services and engines are ended afterwards."""
    made: list[Engine] = []

    def make(**options: Any) -> Engine:
        made.append(Engine(location, **{"use_daemon": False, **options}))
        return made[-1]

    yield make
    if made and made[0].memory.is_there and _has_real_services(made[0].memory):
        sweeper = Engine(location, use_daemon=False)
        for name in sweeper.services.names():
            with suppress(NotFound):  # a version goes with its endpoint
                sweeper.services.delete(name, of_endpoint=True)
        sweeper.close()
    for engine in made:
        engine.close()


def _has_real_services(memory: Memory) -> bool:
    """Those of the fake are entries of a dict: nothing has to be ended."""
    with memory.reading() as tx:
        return any(service.target != "fake" for service in services.list_services(tx))


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    """An engine with the real targets."""
    return make_engine()


@pytest.fixture
def fake_engine(make_engine: MakeEngine, fake: FakeTarget) -> Engine:
    """An engine whose every target is the fake."""
    return make_engine(targets=lambda name: fake)
