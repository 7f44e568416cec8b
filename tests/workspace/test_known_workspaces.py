"""Workspaces by key: which are found, and what is written down of them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from mlmagic.errors import NotFound
from mlmagic.workspace.known_workspaces import known, remember, with_key
from mlmagic.workspace.location import Location, user_folder

URL = "postgresql+psycopg://ann:{}@db.example/team"


@pytest.fixture
def mine(tmp_path: Path) -> Location:
    (tmp_path / "mine").mkdir()
    return Location.of_folder(tmp_path / "mine")


def test_one_that_was_opened_is_found_by_its_key(mine: Location) -> None:
    with pytest.raises(NotFound, match="Run the cell to deploy one here"):
        with_key(mine.key)
    remember(mine)
    remember(mine)
    assert with_key(mine.key) == mine
    assert [each.name for each in known()] == ["default", "mine"]


def test_only_its_user_can_read_it(mine: Location) -> None:
    remember(mine)
    folder = user_folder().parent / "known"
    (path,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_default_workspace_is_first_and_only_once(
    mine: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(mine)
    monkeypatch.setenv("MLMAGIC_WORKSPACE", str(mine.folder))
    assert [each.key for each in known()] == [mine.key]


def test_one_whose_folder_is_gone_is_forgotten(mine: Location) -> None:
    remember(mine)
    mine.folder.rmdir()
    with pytest.raises(NotFound):
        with_key(mine.key)
    assert [each.name for each in known()] == ["default"]
    assert list((user_folder().parent / "known").iterdir()) == []


def test_a_password_is_not_written_down_and_is_no_part_of_the_key(tmp_path: Path) -> None:
    team = Location.of_url(URL.format("secret"))
    assert team.has_password
    remember(team)
    assert not (user_folder().parent / "known").exists()
    assert team.key == Location.of_url(URL.format("other")).key
    assert team.key != Location.of_url(URL.format("secret") + "2").key
    assert not Location.of_url("postgresql+psycopg://ann@db.example/team").has_password


def test_one_that_the_notebooks_folder_names_is_found(mine: Location, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "config.json").write_text(json.dumps({"workspace_name": "mine", "folder": str(mine.folder)}))
    assert with_key(mine.key, project).folder == mine.folder


@pytest.mark.parametrize("key", ["", "../x", "0" * 16, "a" * 64, "ABCDEFABCDEFABCD"])
def test_what_is_no_key_is_not_found(key: str) -> None:
    with pytest.raises(NotFound, match="Workspace not found"):
        with_key(key)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"name": 1}', "\x00"])
def test_a_damaged_file_is_forgotten(mine: Location, text: str) -> None:
    remember(mine)
    path = user_folder().parent / "known" / f"{mine.key}.json"
    path.write_text(text)
    assert [each.name for each in known()] == ["default"]
    assert not path.exists()
