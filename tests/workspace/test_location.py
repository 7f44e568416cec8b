from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlmagic.errors import InvalidConfig, NotFound
from mlmagic.workspace.location import Location, existing, find_config, locate, read_config, user_folder


def test_the_default_is_the_users_own(tmp_path: Path) -> None:
    found = locate({}, tmp_path)
    assert found.folder == user_folder() / "default"
    assert found.found_by == "the user's default workspace"


def test_the_variable_names_a_folder(tmp_path: Path) -> None:
    found = locate({"MLMAGIC_WORKSPACE": str(tmp_path / "a b")}, tmp_path)
    assert found.folder == tmp_path / "a b"
    assert "MLMAGIC_WORKSPACE" in found.found_by


@pytest.mark.parametrize("url", ["postgresql+psycopg://user@localhost/team", "sqlite:////srv/x/workspace.db"])
def test_the_variable_names_a_database(url: str, tmp_path: Path) -> None:
    assert locate({"MLMAGIC_WORKSPACE": url}, tmp_path).database_url == url


def test_the_documents_own_form_is_found_in_a_parent(tmp_path: Path) -> None:
    values = {"subscription_id": "s", "resource_group": "r", "workspace_name": "team"}
    (tmp_path / "config.json").write_text(json.dumps(values))
    below = tmp_path / "notebooks" / "deep"
    below.mkdir(parents=True)
    found = locate({}, below)
    assert (found.name, found.subscription_id, found.resource_group) == ("team", "s", "r")
    assert found.folder == user_folder() / "team"
    assert found.found_by == str(tmp_path / "config.json")


def test_somebody_elses_config_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"theme": "dark"}')
    (tmp_path / "child").mkdir()
    (tmp_path / "child" / "config.json").write_text("not json at all")
    assert find_config(tmp_path / "child") is None


def test_dot_azureml_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / ".azureml").mkdir()
    (tmp_path / ".azureml" / "config.json").write_text('{"workspace_name": "team"}')
    assert locate({}, tmp_path).name == "team"


def test_a_folder_in_the_file_is_relative_to_it(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"workspace_name": "team", "folder": "shared/ws"}')
    assert read_config(path).folder == tmp_path / "shared" / "ws"


@pytest.mark.parametrize("text", ['{"workspace_name": 3}', "[]", "{}"])
def test_a_file_without_a_name_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(InvalidConfig, match="workspace_name"):
        read_config(tmp_path / "c.json")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"c\.json"):
        read_config(tmp_path / "c.json")


def test_the_databases_folder_is_no_workspace() -> None:
    for folder in (user_folder() / "wine", Location.of_url("postgresql://h/team").folder):
        folder.mkdir(parents=True)
    with pytest.raises(NotFound, match=r"Available: wine\."):
        existing("team")
    with pytest.raises(NotFound):
        existing("databases")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("postgresql://ada:a@h:1/team", "postgresql+psycopg://grace:b@h:1/team?connect_timeout=3", True),
        ("postgresql://h/team", "postgresql://h/team?password=x", True),
        ("postgresql://h/team", "postgresql://h/other", False),
        ("postgresql://h/team", "postgresql://i/team", False),
        ("postgresql://h/team", "postgresql://h/team?options=-csearch_path%3Dx", False),
    ],
)
def test_a_databases_folder_is_the_same_for_each_password(one: str, other: str, same: bool) -> None:
    assert (Location.of_url(one).folder == Location.of_url(other).folder) == same


def test_a_location_is_handed_to_another_process_as_text() -> None:
    location = Location.of_url("postgresql://ada:secret@h/team", found_by="its name")
    assert Location.from_json(location.to_json()) == location


@pytest.mark.parametrize("name", ["../x", "a/b", "", "ä b"])
def test_a_workspace_name_is_no_path(name: str) -> None:
    with pytest.raises(InvalidConfig):
        Location.named(name)


def test_the_store_of_files_is_named_by_the_file_or_the_variable(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"workspace_name": "team", "files_url": "s3://bucket/a"}')
    assert locate({}, tmp_path).files_url == "s3://bucket/a"
    assert locate({"MLMAGIC_FILES": "s3://bucket/b"}, tmp_path).files_url == "s3://bucket/b"
    assert locate({"MLMAGIC_WORKSPACE": "/srv/x", "MLMAGIC_FILES": "memory://x"}).files_url == "memory://x"
    assert locate({"MLMAGIC_WORKSPACE": "/srv/x"}).files_url == ""
