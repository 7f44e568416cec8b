"""Finding, making and describing workspaces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmagic.engine import engine as engine_module
from mlmagic.errors import AlreadyExists, InvalidConfig, NotFound
from mlmagic.sdk.workspace import Workspace

pytestmark = pytest.mark.together

DOCUMENTS_FORM = {"subscription_id": "s-1", "resource_group": "rg", "workspace_name": "team"}


@pytest.fixture(autouse=True)
def _close_engines() -> Iterator[None]:
    """`Workspace` shares the process's engines; none is to outlive its test."""
    yield
    for opened in engine_module._open.values():
        opened.close()
    engine_module._open.clear()


@pytest.mark.parametrize("relative", ["config.json", ".azureml/config.json", "aml_config/config.json"])
def test_the_documents_form_opens_the_local_workspace_of_that_name(tmp_path: Path, relative: str) -> None:
    path = tmp_path / "project" / relative
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(DOCUMENTS_FORM))
    below = tmp_path / "project" / "a" / "b"
    below.mkdir(parents=True)
    for given in (path, str(tmp_path / "project"), below):
        found = Workspace.from_config(given)
        assert (found.name, found.subscription_id, found.resource_group) == ("team", "s-1", "rg")
        assert found.folder == Workspace.get("team").folder
        assert found.found_by == str(path)


def test_the_working_folder_is_looked_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text(json.dumps(DOCUMENTS_FORM))
    monkeypatch.chdir(tmp_path)
    assert Workspace.from_config().name == Workspace().name == "team"


def test_the_environment_variable_overrides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text(json.dumps(DOCUMENTS_FORM))
    monkeypatch.setenv("MLMAGIC_WORKSPACE", str(tmp_path / "mine"))
    monkeypatch.chdir(tmp_path)
    found = Workspace.from_config()
    assert found.folder == tmp_path / "mine"
    assert found.found_by == "environment variable MLMAGIC_WORKSPACE"
    # A path that is given is used, and missed.
    assert Workspace.from_config(tmp_path).name == "team"
    assert Workspace.from_config(path="config.json").name == "team"
    with pytest.raises(NotFound, match="nowhere"):
        Workspace.from_config(path=tmp_path / "nowhere.json")


def test_files_that_are_missing_or_name_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="None names a workspace in"):
        Workspace.from_config(tmp_path)
    with pytest.raises(NotFound, match=r"Workspace configuration file not found: '.*nowhere\.json'"):
        Workspace.from_config(tmp_path / "nowhere.json")
    other = tmp_path / "config.json"
    other.write_text('{"workspace_name": 3}')
    with pytest.raises(InvalidConfig, match="workspace_name 3 must be text"):
        Workspace.from_config(other)


def test_make_and_open(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="Workspace not found: 'team'"):
        Workspace.get("team")
    made = Workspace.create("team")
    assert Workspace.get("team").folder == made.folder
    with pytest.raises(AlreadyExists, match=r"Workspace\.get"):
        Workspace.create("team")
    assert Workspace.create("team", exist_ok=True).folder == made.folder
    with pytest.raises(InvalidConfig, match="workspace name"):
        Workspace.create("a b")
    assert "name='team'" in repr(made)


def test_a_written_configuration_leads_back(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(DOCUMENTS_FORM))
    named = Workspace.from_config(tmp_path)
    written = named.write_config(tmp_path / "other")
    assert json.loads(written.read_text()) == DOCUMENTS_FORM
    (tmp_path / "moved.json").write_text('{"workspace_name": "mine", "folder": "Übungen 1"}')
    placed = Workspace.from_config(tmp_path / "moved.json")
    again = Workspace.from_config(placed.write_config(tmp_path / "elsewhere", "ws.json"))
    assert again.folder == placed.folder == tmp_path / "Übungen 1"


def test_a_database_is_written_down_too(tmp_path: Path) -> None:
    from mlmagic.workspace.location import Location, read_config

    location = Location.of_url("postgresql://h/team")
    workspace = Workspace.__new__(Workspace)
    workspace._location = location
    assert read_config(workspace.write_config(tmp_path)).database_url == location.database_url
