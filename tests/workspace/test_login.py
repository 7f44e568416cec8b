"""The secret that signs the access tokens of a user: one file, which nobody else can read."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path

import pytest

from mlmagic.errors import WorkspaceUnavailable
from mlmagic.workspace.location import user_folder
from mlmagic.workspace.login import login_file, login_secret


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who has opened no workspace."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))


def test_it_is_created_once_and_for_its_owner_only() -> None:
    path = login_file()
    assert path.parent == user_folder().parent
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = login_secret()
    assert len(secret) >= 32
    assert secret == json.loads(login_file().read_text())["token_secret"]
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_who_creates_it_at_once_gets_the_same_secret() -> None:
    found: list[str] = []
    start = threading.Barrier(8)

    def create() -> None:
        start.wait()
        found.append(login_secret())

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_one_that_others_can_read_is_refused(mode: int) -> None:
    path = login_file()
    path.chmod(mode)
    with pytest.raises(WorkspaceUnavailable, match="other users of this machine can read"):
        login_file()
    path.unlink()
    assert login_secret()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(WorkspaceUnavailable, match=r"login\.json.* cannot be created"):
        login_file()
