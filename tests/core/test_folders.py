"""The files of a folder: links are followed, and none is left out in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlmagic.core.folders import files_below
from mlmagic.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "far/deep").mkdir(parents=True)
    (tmp_path / "far/deep/f.txt").write_text("f")
    made = tmp_path / "made"
    (made / "sub/__pycache__").mkdir(parents=True)
    (made / "a.txt").write_text("a")
    (made / "sub/b.txt").write_text("b")
    (made / "sub/__pycache__/c.pyc").write_text("c")
    return made


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files_below(folder, leave_out={"__pycache__"})]


def test_linked_files_and_folders_come_along(folder: Path) -> None:
    (folder.parent / "far").rename(folder / "far")
    (folder / "linked").symlink_to("far")
    (folder / "sub/twice").symlink_to("../far/deep")
    (folder / "file.txt").symlink_to(folder / "far/deep/f.txt")
    (folder / ".#a.txt").symlink_to("someone@somewhere.1")
    found = ["a.txt", "far/deep/f.txt", "file.txt", "linked/deep/f.txt", "sub/b.txt", "sub/twice/f.txt"]
    assert names(folder) == found
    assert (folder / "linked/deep/f.txt").read_text() == "f"


def test_a_folder_that_is_a_link_itself(folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder)
    assert names(link) == ["a.txt", "sub/b.txt"]


@pytest.mark.parametrize(
    ("place", "target", "words"),
    [
        ("gone", "nowhere", "which does not exist"),
        ("again", ".", "a folder that it is in itself"),
        ("sub/again", "..", "a folder that it is in itself"),
        ("sub/up", "../../made", "a folder that it is in itself"),
    ],
)
def test_a_link_that_leads_nowhere_is_named(folder: Path, place: str, target: str, words: str) -> None:
    (folder / place).symlink_to(target)
    with pytest.raises(UsageError, match=words) as refused:
        files_below(folder)
    assert str(folder / place) in str(refused.value)


@pytest.mark.parametrize(
    ("place", "target", "leads"),
    [
        ("linked", "../far", "far"),
        ("sub/file.txt", "../../far/deep/f.txt", "far/deep/f.txt"),
        ("sub/above", "../../far", "far"),
    ],
)
def test_a_link_that_leads_out_is_refused_by_name(folder: Path, place: str, target: str, leads: str) -> None:
    (folder / place).symlink_to(target)
    with pytest.raises(UsageError, match="which is outside of the folder") as refused:
        files_below(folder)
    assert f"{str(folder / place)!r} is a link to {str(folder.parent / leads)!r}" in str(refused.value)


def test_links_of_a_subfolder_may_lead_to_its_root(folder: Path) -> None:
    (folder / "sub/up.txt").symlink_to("../a.txt")
    assert folder / "sub/up.txt" in files_below(folder / "sub", root=folder)
    with pytest.raises(UsageError, match="outside"):
        files_below(folder / "sub")


def test_data_may_be_linked_from_anywhere(folder: Path) -> None:
    (folder / "linked").symlink_to("../far")
    assert folder / "linked/deep/f.txt" in files_below(folder, links_out=True)
