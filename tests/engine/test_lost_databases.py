"""A database that is lost while an engine is open: one line is logged, and nothing prints a traceback."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from pathlib import Path

import pytest

from mlmagic.engine.engine import Engine
from mlmagic.engine.services import daemon, supervisor
from mlmagic.errors import WorkspaceUnavailable
from mlmagic.workspace import sqlite
from mlmagic.workspace.location import Location
from tests.support.lost_databases import LOSSES, fill, lose, stored
from tests.support.waiting import wait_for

pytestmark = pytest.mark.together


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A supervising engine, of a workspace with a service, whose daemon is to follow."""
    monkeypatch.setattr(daemon, "ensure_daemon", lambda location: None)
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0.1)
    location = Location.of_folder(tmp_path / "ws")
    fill(location)
    engine = Engine(location)
    engine.supervision.ensure()
    return engine


@pytest.mark.parametrize("how", LOSSES)
def test_an_engine_goes_on_and_closes_without_its_database(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    failed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    monkeypatch.setattr(supervisor, "CLOCK_SECONDS", 0.01)
    met: list[WorkspaceUnavailable] = []
    report = engine.memory.report_outage

    def met_by_a_thread(error: WorkspaceUnavailable) -> None:
        met.append(error)
        report(error)

    monkeypatch.setattr(engine.memory, "report_outage", met_by_a_thread)
    folder = engine.memory.folder
    before = stored(folder)
    with caplog.at_level(logging.WARNING):
        lose(folder / "workspace.db", how)
        wait_for(lambda: len(met) >= 5, "the threads meet the lost database")
        engine.close()
    assert stored(folder) == before
    assert failed == []
    assert [record for record in caplog.records if record.exc_info] == []
    lines = Counter(record.getMessage() for record in caplog.records)
    assert set(lines.values()) == {1}, "however many threads meet it, and however often"
    assert not any("sqlalche" in line for line in lines)
