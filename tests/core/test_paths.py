"""Paths from elsewhere: joined to a folder, or refused with the rule they break."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlmagic.core.paths import check_part, check_relative, join, join_part
from mlmagic.errors import InvalidConfig, UsageError

pytestmark = pytest.mark.together

OUTSIDE = {
    "": "must not be empty",
    "/etc/passwd": "must be a relative path",
    "//server/share": "must be a relative path",
    "C:/windows": "must be a relative path",
    "c:": "must be a relative path",
    "C:\\windows": "must not contain backslashes",
    "..\\up": "must not contain backslashes",
    "..": "must not contain '..'",
    "../up": "must not contain '..'",
    "a/../../up": "must not contain '..'",
    "a/..": "must not contain '..'",
    "a\0b": "must not contain a NUL character",
    ".": "must name a file or folder",
    "./": "must name a file or folder",
}


@pytest.mark.parametrize(("path", "rule"), OUTSIDE.items())
def test_a_path_that_leads_out_is_refused(path: str, rule: str, tmp_path: Path) -> None:
    for refuse in (check_relative, check_part, lambda given, kind: join(tmp_path, given, kind)):
        with pytest.raises(InvalidConfig) as refused:
            refuse(path, "path of an asset")
        assert str(refused.value).startswith(f"path of an asset {path!r} {rule}")
        assert refused.value.hint


@pytest.mark.parametrize("path", ["a", "a/b.txt", "./a", "a//b", "..a", "a..", "...", "a b/ü", "x:y"])
def test_a_path_inside_is_joined(path: str, tmp_path: Path) -> None:
    assert join(tmp_path, path) == tmp_path / path


def test_a_name_has_no_slash(tmp_path: Path) -> None:
    assert join_part(tmp_path, "a") == tmp_path / "a"
    with pytest.raises(InvalidConfig, match="must not contain '/'"):
        join_part(tmp_path, "a/b")


def test_links_are_followed_inside_and_refused_outside(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "real").mkdir(parents=True)
    (folder / "near").symlink_to("real")
    (folder / "far").symlink_to("..")
    (folder / "real/gone").symlink_to("/nowhere/at/all")
    alias = tmp_path / "alias"
    alias.symlink_to(folder)
    assert join(folder, "near/a.txt") == folder / "near/a.txt"
    assert join(alias, "near/a.txt") == alias / "near/a.txt"
    for path, link, leads in [("far/a/b", "far", tmp_path), ("near/gone", "near/gone", "/nowhere/at/all")]:
        with pytest.raises(UsageError) as refused:
            join(folder, path)
        assert f"{str(folder / link)!r} is a link to {str(leads)!r}" in str(refused.value)
        assert "Put a copy" in refused.value.hint
