"""The names for completion are those that the workspace has."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.webservice import Revision
from mlmagic.workspace import assets, services
from mlmagic.workspace.listed_names import QUERIES, listed_names
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory
from tests.support.postgresql import Server


def filled(location: Location) -> None:
    revision = Revision(1, (), InferenceConfig("score.py"), (), DeploymentConfig("fake"), "python")
    with closing(Memory(location)) as memory:
        for kind, name in (("package", "b"), ("package", "a"), ("package", "a"), ("profile", "p")):
            with memory.writing() as tx:
                assets.add(tx, kind, name, {})
        with memory.writing() as tx:
            services.create(tx, "svc", revision, None)


def check(location: Location) -> None:
    filled(location)
    assert listed_names(location, "services") == ["svc"]
    assert listed_names(location, "assets", "package") == ["a", "b"]
    assert listed_names(location, "revisions", "svc") == ["1"]
    assert listed_names(location, "revisions", "other") == []
    assert listed_names(location, "models") == listed_names(location, "subscriptions") == []


def test_of_a_folder(tmp_path: Path) -> None:
    check(Location.of_folder(tmp_path / "Übung 1"))


@pytest.mark.processes
def test_of_a_team(postgresql: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    check(Location.of_url(postgresql.new_database()))


@pytest.mark.parametrize("what", QUERIES)
def test_a_workspace_that_is_not_there_has_no_names(tmp_path: Path, what: str) -> None:
    place = Location.of_folder(tmp_path / "none")
    assert listed_names(place, what, *["x"] * QUERIES[what].count("?")) == []
    assert not place.folder.exists()
