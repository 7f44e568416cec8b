"""A database that is lost, damaged, locked, full or newer, as a notebook shows it: one line with a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmagic.engine.engine import Engine
from mlmagic.errors import WorkspaceUnavailable
from mlmagic.workspace import sqlite
from mlmagic.workspace.location import Location
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
from tests.support.shells import TestingShell

READING = ("%services", "%models", "%events", "%logs svc")
WRITING = (
    "%register weights --name n",
    "%delete svc",
    "%update svc --description other",
    "%deploy other --entry-script score.py --target fake --no-wait",
)


@pytest.fixture
def workspace(tmp_path: Path, shell: TestingShell, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a workspace with a model and a service, which the shell opens when it needs it."""
    opened: list[Engine] = []

    def open_it(location: Location) -> Engine:
        opened.append(Engine(location, use_daemon=False))
        return opened[-1]

    monkeypatch.setattr(Engine, "of", open_it)
    location = Location.of_folder(tmp_path / "my models")
    monkeypatch.setenv("MLMAGIC_WORKSPACE", str(location.folder))
    fill(location)
    (tmp_path / "score.py").write_text("def init():\n    pass\n\ndef run(data):\n    return data\n")
    shell.run_cell("weights = [1.0]")
    yield location.folder
    for engine in opened:
        engine.close()


def refused(shell: TestingShell, cell: str) -> str:
    """What a cell shows that cannot do what it should."""
    with pytest.raises(WorkspaceUnavailable):
        shell.run_cell(cell)
    assert has_one_line_with_a_remedy(shell.stdout), (cell, shell.stdout)
    assert shell.outputs == [], cell
    return shell.stdout


@pytest.mark.parametrize("how", LOSSES)
def test_a_lost_database_is_told_by_every_magic(shell: TestingShell, workspace: Path, how: str) -> None:
    before = stored(workspace)
    lose(workspace / "workspace.db", how)
    for cell in (*READING, *WRITING):
        assert "Restore the newest backup: " in refused(shell, cell)
    assert stored(workspace) == before


@pytest.mark.parametrize("how", LOSSES)
def test_a_database_that_is_lost_while_it_is_open(shell: TestingShell, workspace: Path, how: str) -> None:
    for cell in READING:
        shell.run_cell(cell)
    before = stored(workspace)
    lose(workspace / "workspace.db", how)
    for cell in WRITING:
        assert "Restore the newest backup: " in refused(shell, cell)
    for cell in READING:  # SQLite may have in memory what these show
        try:
            shell.run_cell(cell)
        except WorkspaceUnavailable:
            assert has_one_line_with_a_remedy(shell.stdout), cell
    assert stored(workspace) >= before


def test_a_database_that_is_truncated_while_what_a_cell_needs_is_in_its_log(
    shell: TestingShell, workspace: Path
) -> None:
    """SQLite reads the newest pages from its log, and could write on while the others are lost."""
    for name in ("first", "second"):
        shell.run_cell(WRITING[-1].replace("other", name))
    lose(workspace / "workspace.db", "truncated")
    for _ in range(2):
        assert "Restore the newest backup: " in refused(shell, WRITING[-1])


def test_a_database_of_a_newer_version(shell: TestingShell, workspace: Path) -> None:
    mark_as_newer(workspace / "workspace.db")
    for cell in (*READING, *WRITING):
        assert "newer version of mlmagic: m999_of_tomorrow" in refused(shell, cell)


def test_a_database_that_a_newer_version_changes_while_it_is_open(
    shell: TestingShell, workspace: Path
) -> None:
    for cell in READING:
        shell.run_cell(cell)
    before = stored(workspace)
    mark_as_newer(workspace / "workspace.db")
    for cell in WRITING:
        assert "newer version of mlmagic: m999_of_tomorrow" in refused(shell, cell)
    for cell in READING:
        shell.run_cell(cell)
    assert stored(workspace) >= before


def test_a_locked_database_is_listed(
    shell: TestingShell, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0.1)
    with locked(workspace / "workspace.db"):
        for cell in WRITING:
            assert "is locked" in refused(shell, cell)
        for cell in READING:
            shell.run_cell(cell)
    shell.run_cell(WRITING[0])


def test_a_full_disk_is_told(shell: TestingShell, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = "x" * 100_000
    with full_disk(monkeypatch):
        for cell in (f"%register weights --name n --description {long}", f"%update svc --description {long}"):
            assert "the disk is full, and nothing was changed" in refused(shell, cell)
        for cell in READING:
            shell.run_cell(cell)
    assert "n:1" not in str(shell.run_cell("%models"))
