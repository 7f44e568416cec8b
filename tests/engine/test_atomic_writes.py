"""Files that are replaced whole."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mlmagic.errors import WorkspaceUnavailable
from mlmagic.workspace.atomic_writes import OWNER_ONLY, write_atomically


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    place = tmp_path / "note.json"
    for text in ("first", "größer"):
        write_atomically(place, text)
        assert place.read_text(encoding="utf-8") == text
    assert os.listdir(tmp_path) == ["note.json"]


def test_what_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    place = tmp_path / "note.json"
    write_atomically(place, "before")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(place, "\ud800")
    assert place.read_text(encoding="utf-8") == "before"
    assert os.listdir(tmp_path) == ["note.json"]


def test_a_full_disk_changes_nothing_and_is_told_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "note.json"
    write_atomically(place, "before")

    def refuse(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(WorkspaceUnavailable, match="No space left on device") as caught:
        write_atomically(place, "after")
    assert "Free some space" in str(caught.value)
    assert place.read_text(encoding="utf-8") == "before"
    assert os.listdir(tmp_path) == ["note.json"]


@pytest.mark.parametrize(("mode", "found"), [(OWNER_ONLY, 0o600), (0o666, 0o640)])
def test_who_may_read_it(tmp_path: Path, mode: int, found: int) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "keys.json", "{}", mode=mode)
    finally:
        os.umask(before)
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == found
