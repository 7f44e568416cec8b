"""Fixtures: a workspace for each test, and nothing of the user's."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory
from tests.support.ports import unused_port


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    homes = tmp_path_factory.mktemp("homes")
    (homes / "ipython").mkdir()
    return homes


@pytest.fixture(autouse=True)
def _own_home(_homes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's workspaces or leaves anything there."""
    home = _homes / uuid.uuid4().hex  # created by those that need it: most tests do not
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    monkeypatch.setenv("MLMAGIC_CACHE", str(_homes / "cache"))  # one for all: an environment is built once
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
    shutil.copy(_empty_database, location.folder)  # creating the tables takes longer than most tests
    return location


@pytest.fixture
def memory(location: Location) -> Iterator[Memory]:
    memory = Memory(location)
    yield memory
    memory.close()


@pytest.fixture
def free_port() -> int:
    """A port of this machine that nobody uses."""
    return unused_port()
