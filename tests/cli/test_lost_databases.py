"""A database that is lost, damaged, locked, full or newer, as a shell shows it: one line with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlmagic.engine.services import daemon
from mlmagic.workspace import sqlite
from mlmagic.workspace.location import Location
from tests.support.command_line import SCRIPT, run
from tests.support.lost_databases import (
    LOSSES,
    fill,
    full_disk,
    has_one_line_with_a_remedy,
    locked,
    lose,
    mark_as_newer,
    stored,
)

READING: tuple[tuple[str, ...], ...] = (
    ("service", "list"),
    ("service", "show", "-n", "svc"),
    ("service", "logs", "-n", "svc"),
    ("model", "list"),
    ("events", "list"),
)
WRITING: tuple[tuple[str, ...], ...] = (
    ("model", "register", "-n", "n", "-p", "score.py"),
    ("model", "delete", "-i", "m:1"),
    ("model", "deploy", "-n", "other", "--entry-script", "score.py", "--ct", "fake", "--no-wait"),
    ("service", "update", "-n", "svc", "--description", "other"),
    ("service", "delete", "-n", "svc"),
)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a workspace with a model and a service, which no daemon supervises."""
    monkeypatch.setattr(daemon, "ensure_daemon", lambda location: None)
    monkeypatch.chdir(tmp_path)
    location = Location.of_folder(tmp_path / "my models")
    monkeypatch.setenv("MLMAGIC_WORKSPACE", str(location.folder))
    fill(location)
    (tmp_path / "score.py").write_text(SCRIPT)
    return location.folder


def refused(*words: str) -> str:
    """What a command prints that cannot do what it should."""
    done = run(*words)
    assert (done.exit_code, done.stdout) == (1, ""), (words, done.stdout)
    assert has_one_line_with_a_remedy(done.stderr), (words, done.stderr)
    return done.stderr


@pytest.mark.parametrize("how", LOSSES)
def test_a_lost_database_is_told_by_every_command(workspace: Path, how: str) -> None:
    before = stored(workspace)
    lose(workspace / "workspace.db", how)
    for words in (*READING, *WRITING):
        assert "Restore the newest backup: " in refused(*words)
    assert stored(workspace) == before


def test_a_database_of_a_newer_version(workspace: Path) -> None:
    mark_as_newer(workspace / "workspace.db")
    for words in (*READING, *WRITING):
        assert "newer version of mlmagic: m999_of_tomorrow" in refused(*words)


def test_a_locked_database_is_listed(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0.1)
    with locked(workspace / "workspace.db"):
        for words in WRITING:
            assert "is locked" in refused(*words)
        for words in READING:
            assert run(*words).exit_code == 0, words
    assert run(*WRITING[0]).exit_code == 0


def test_a_full_disk_is_told(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with full_disk(monkeypatch):
        for words in (WRITING[0], ("service", "update", "-n", "svc")):
            told = refused(*words, "--description", "x" * 100_000)
            assert "the disk is full, and nothing was changed" in told
        for words in READING:
            assert run(*words).exit_code == 0, words
    assert '"n:1"' not in run("model", "list", "-o", "json").stdout
