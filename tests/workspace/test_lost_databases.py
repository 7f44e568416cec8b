"""A database that is lost, damaged, locked, newer or read-only: one line with a remedy, nothing deleted."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from mlmagic.core.model import ModelFilter
from mlmagic.errors import WorkspaceUnavailable
from mlmagic.workspace import backups, models, sqlite
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory
from tests.support.lost_databases import LOSSES, add_model, fill, locked, lose, mark_as_newer, stored


@pytest.fixture
def location(tmp_path: Path) -> Location:
    """A workspace on SQLite with a model and the folder of a service."""
    location = Location.of_folder(tmp_path / "with a model")
    fill(location)
    return location


def names(location: Location) -> list[str]:
    memory = Memory(location)
    found = names_in(memory)
    memory.close()
    return found


def names_in(memory: Memory) -> list[str]:
    with memory.reading() as tx:
        return [model.name for model in models.list_models(tx, ModelFilter())]


@pytest.mark.parametrize("how", LOSSES)
def test_a_lost_database_is_refused_and_restored(location: Location, how: str) -> None:
    before, database = stored(location.folder), location.folder / "workspace.db"
    lose(database, how)
    for _ in range(2):  # what was refused once is refused again
        with pytest.raises(WorkspaceUnavailable) as refused:
            Memory(location)
    assert stored(location.folder) == before
    if how in ("missing", "empty", "without tables"):
        assert "beside it lie 1 stored file and 1 service folder" in str(refused.value)
    assert "sqlalche" not in str(refused.value)
    assert "\n" not in str(refused.value)
    command = refused.value.hint.removeprefix("Restore the newest backup: ").removesuffix(".")
    if " " in str(location.folder):
        assert "'" in command, "the line can be pasted"
    subprocess.run(["sh", "-c", command], check=True)
    assert names(location) == ["m"]


def test_an_open_workspace_does_not_go_on_without_its_database(location: Location) -> None:
    """What was written then would be in no file, and would be gone with the process."""
    memory = Memory(location)
    database = location.folder / "workspace.db"
    database.unlink()
    for _ in range(2):
        with pytest.raises(WorkspaceUnavailable, match=r"is missing, and beside it lie.*Restore") as refused:
            add_model(memory, "n")
    command = refused.value.hint.removeprefix("Restore the newest backup: ").removesuffix(".")
    subprocess.run(["sh", "-c", command], check=True)
    add_model(memory, "after")
    assert names(location) == ["after", "m"], "another process sees what is written after it was restored"
    memory.close()


def test_an_open_workspace_takes_the_database_that_was_put_in_place(location: Location) -> None:
    memory = Memory(location)
    add_model(memory, "since")
    with closing(sqlite3.connect(location.folder / "workspace.db")) as source:
        source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    newer = location.folder / "newer.db"
    shutil.copy(location.folder / "workspace.db", newer)
    mark_as_newer(newer)
    newer.replace(location.folder / "workspace.db")
    with pytest.raises(WorkspaceUnavailable, match="newer version"):
        add_model(memory, "n")
    memory.close()


def test_without_a_backup_the_ways_out_are_named(location: Location) -> None:
    shutil.rmtree(location.folder / "backups", ignore_errors=True)
    lose(location.folder / "workspace.db", "empty")
    with pytest.raises(WorkspaceUnavailable, match=r"There is no backup.*begin anew: mv "):
        Memory(location)


def test_backups_are_rolled(location: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(location.folder / "backups")
    for day in range(5):
        for each in backups.list_backups(location.folder):
            os.utime(each, (time.time() - backups.EVERY_SECONDS - 1,) * 2)
        monkeypatch.setattr(backups.time, "strftime", lambda *_, day=day: f"2026112{day}T000000Z")
        for _ in range(2):  # the second one of a day is not due
            Memory(location).close()
    assert [path.name[-13:-11] for path in backups.list_backups(location.folder)] == ["22", "23", "24"]


def test_a_damaged_database_pushes_out_no_backup(location: Location) -> None:
    good = backups.make(location.folder / "workspace.db")
    lose(location.folder / "workspace.db", "overwritten")
    assert backups.make(location.folder / "workspace.db") is None
    assert backups.list_backups(location.folder) == [good]


def test_a_database_of_a_newer_version_is_refused(location: Location) -> None:
    mark_as_newer(location.folder / "workspace.db")
    with pytest.raises(
        WorkspaceUnavailable, match=r"newer version of mlmagic: m999_of_tomorrow.*pip install"
    ):
        Memory(location)


def test_a_database_that_a_newer_version_changes_while_it_is_open(location: Location) -> None:
    memory = Memory(location)
    mark_as_newer(location.folder / "workspace.db")
    with pytest.raises(WorkspaceUnavailable, match=r"newer version of mlmagic.*restart what uses"):
        add_model(memory, "n")
    assert names_in(memory) == ["m"], "what it knows can be listed"
    memory.close()


def test_a_locked_database_is_told(location: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0.01)
    memory = Memory(location)
    told = pytest.raises(WorkspaceUnavailable, match=r"is locked.*fuser")
    with locked(location.folder / "workspace.db"), told:
        add_model(memory, "n")
    add_model(memory, "n")
    memory.close()


@pytest.mark.parametrize(
    ("code", "words", "told"),
    [
        ("SQLITE_BUSY", "database is locked", "is locked"),
        ("SQLITE_BUSY_SNAPSHOT", "database is locked", "is locked"),
        ("SQLITE_FULL", "database or disk is full", "the disk is full"),
        ("SQLITE_IOERR_WRITE", "disk I/O error", "disk I/O error"),
        ("SQLITE_CORRUPT", "database disk image is malformed", "is damaged"),
        ("SQLITE_NOTADB", "file is not a database", "is damaged"),
        ("SQLITE_ERROR", "no such table: services", "is damaged"),
        ("SQLITE_ERROR", "near SELECT: syntax error", ""),
        ("SQLITE_READONLY_DBMOVED", "attempt to write", "may not be written"),
        ("SQLITE_CANTOPEN", "unable to open", "cannot be opened"),
        ("SQLITE_CONSTRAINT_UNIQUE", "UNIQUE failed", ""),
        ("", "something else", ""),
    ],
)
def test_what_sqlite_says_is_explained(code: str, words: str, told: str, tmp_path: Path) -> None:
    message, fix = sqlite.explain(tmp_path / "workspace.db", code, words)
    assert told in message
    assert bool(message) == bool(fix) == bool(told)


LIST = """
import os, sys
from pathlib import Path
from mlmagic.core.model import ModelFilter
from mlmagic.engine.engine import Engine
from mlmagic.errors import WorkspaceUnavailable
from mlmagic.workspace.location import Location

def listed(engine):
    return [model.id for model in engine.models.list()], [each.name for each in engine.services.list()]

warm = Engine(Location.of_folder(Path(sys.argv[2])), use_daemon=False)
listed(warm)  # imports what another user may not be able to read
warm.close()
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
engine = Engine(Location.of_folder(Path(sys.argv[1])))
print(*listed(engine))
try:
    engine.models.delete("m:1")
except WorkspaceUnavailable as error:
    print(error)
engine.close()
"""


@pytest.mark.processes
@pytest.mark.parametrize("is_open", [False, True])
def test_a_read_only_workspace_is_listed(location: Location, tmp_path: Path, is_open: bool) -> None:
    """By another user, who may read all and write nothing; also while its owner has it open."""
    memory = Memory(location)
    if not is_open:
        memory.close()
    for path in [location.folder, *location.folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    for above in location.folder.parents[:4]:
        if str(above).startswith("/tmp/"):
            above.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", LIST, str(location.folder), str(tmp_path / "another")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
    )
    for path in [location.folder, *location.folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert done.returncode == 0, done.stderr
    assert "['m:1'] ['svc']" in done.stdout
    assert "is read-only" in done.stdout
    if is_open:
        memory.close()
