"""What all tests share: a workspace of their own, and nothing of the user's."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from mlmagic.engine.engine import Engine
from mlmagic.targets.fake import FakeTarget
from mlmagic.workspace import services
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory
from tests import docker_engine
from tests.docker_engine import DockerEngine
from tests.postgresql import Server, running

# Fewer examples at each run, and others each time; a failure is remembered and tried again.
hypothesis.settings.register_profile("quick", max_examples=30)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


_TOGETHER = {"make_engine", "bare_shell", "shell"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever has an engine with its threads, or a shell, tests several rooms together: no unit test."""
    for item in items:
        if _TOGETHER & set(getattr(item, "fixturenames", ())) and not item.get_closest_marker("processes"):
            item.add_marker(pytest.mark.together)


def needs_root() -> None:
    """For what only root may do, such as making control groups; under CI it must be there."""
    if os.geteuid():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("only root may make control groups here")


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    homes = tmp_path_factory.mktemp("homes")
    (homes / "ipython").mkdir()
    return homes


@pytest.fixture(autouse=True)
def _own_home(_homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's workspaces, and none leaves anything there."""
    home = _homes / uuid.uuid4().hex  # made by whoever needs it: most tests do not
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    monkeypatch.setenv("MLMAGIC_CACHE", str(_homes / "cache"))  # one for all: an environment is made once
    monkeypatch.setenv("IPYTHONDIR", str(_homes / "ipython"))
    monkeypatch.delenv("MLMAGIC_WORKSPACE", raising=False)
    monkeypatch.delenv("MLMAGIC_FILES", raising=False)
    monkeypatch.setenv("MLMAGIC_ZYGOTE", "0")  # tests of the zygote switch it on


@pytest.fixture(scope="session")
def _empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    Memory(Location.of_folder(folder)).close()
    return folder / "workspace.db"


@pytest.fixture
def location(tmp_path: Path, _empty_database: Path) -> Location:
    """A folder with a blank and letters beyond ASCII: such folders are nothing special."""
    location = Location.of_folder(tmp_path / "Übungen und Proben")
    location.folder.mkdir()
    shutil.copy(_empty_database, location.folder)  # making the tables takes longer than most tests
    return location


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A real server, for tests marked `processes`."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def _docker_engine() -> Iterator[DockerEngine]:
    with docker_engine.running() as engine:
        yield engine


@pytest.fixture
def docker(_docker_engine: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> DockerEngine:
    """A real engine, for tests marked `processes`: what the target finds, with an image to build upon."""
    monkeypatch.setenv("DOCKER_HOST", _docker_engine.host)
    monkeypatch.setenv("MLMAGIC_BASE_IMAGE", docker_engine.BASE_IMAGE)
    return _docker_engine


@pytest.fixture
def memory(location: Location) -> Iterator[Memory]:
    memory = Memory(location)
    yield memory
    memory.close()


@pytest.fixture
def fake() -> FakeTarget:
    return FakeTarget()


MakeEngine = Callable[..., Engine]


@pytest.fixture
def make_engine(location: Location) -> Iterator[MakeEngine]:
    """Engines over the test's one workspace; its services and engines are ended afterwards."""
    made: list[Engine] = []

    def make(**options: Any) -> Engine:
        made.append(Engine(location, **{"use_daemon": False, **options}))
        return made[-1]

    yield make
    if made and made[0].memory.is_there and _has_real_services(made[0].memory):
        sweeper = Engine(location, use_daemon=False)
        for name in sweeper.services.names():
            sweeper.services.delete(name)
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
