"""Databases of workspaces that are lost, damaged, full, locked or of a newer version."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.core.webservice import Revision
from mlmagic.workspace import models, services, sqlite
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory

LOSSES = ("missing", "empty", "without tables", "overwritten", "malformed", "truncated")


def fill(location: Location) -> None:
    """Give a workspace the model ``m:1``, the service ``svc`` with a folder, and a backup."""
    memory = Memory(location)
    add_model(memory, "m")
    config = DeploymentConfig("fake")
    with memory.writing() as tx:
        service = services.create(
            tx, "svc", Revision(1, (), InferenceConfig("score.py"), (), config, sys.executable), None
        )
    (memory.services_folder / service.id / "r1").mkdir(parents=True)
    memory.close()
    Memory(location).close()  # makes the backup


def add_model(memory: Memory, name: str) -> None:
    """Register a model with one file."""
    with memory.files.intake() as intake:
        file = intake.take_bytes(name.encode(), "m.bin")
        with memory.writing() as tx:
            intake.publish()
            models.add(tx, ModelDescription(name), [file])


def stored(folder: Path) -> set[Path]:
    """The files of models, and the folders of services, that a workspace has."""
    files = {path for path in (folder / "files").rglob("*") if path.is_file()}
    return files | set((folder / "services").glob("*/r*"))


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """While another program writes, and does not come to an end."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def lose(database: Path, how: str) -> None:
    """Do one of ``LOSSES`` to a database."""
    if how == "missing":
        database.unlink()
    elif how == "empty":
        database.write_bytes(b"")
    elif how == "without tables":
        database.unlink()
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    elif how == "malformed":  # all but the first page, which has the header
        content = database.read_bytes()
        database.write_bytes(content[:4096] + b"\xaa" * (len(content) - 4096))
    elif how == "truncated":
        content = database.read_bytes()
        database.write_bytes(content[: len(content) // 2])
    else:
        database.write_bytes(b"this is not a database, " * 1000)


def mark_as_newer(database: Path) -> None:
    """What a newer version of mlmagic leaves in a database."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO migrations (name, applied) VALUES ('m999_of_tomorrow', 0.0)")


def has_one_line_with_a_remedy(text: str) -> bool:
    """Whether an error is one line, as it is shown, in our words and with something to do."""
    is_plain = not any(each in text.lower() for each in ("traceback", "sqlalche", "(sqlite3.", "[sql:"))
    remedies = (
        "Restore the newest backup: ",
        "pip install -U mlmagic",
        "Try again",
        "Free some space",
        "Ask its",
    )
    return (
        is_plain and text.count("\n") == 1 and text.endswith("\n") and any(map(text.__contains__, remedies))
    )


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While databases that are opened may not grow, as SQLite sees a disk without space."""
    prepare = sqlite._prepare

    def limited(connection: Any, record: Any) -> None:
        prepare(connection, record)
        connection.execute("PRAGMA max_page_count=1")  # as small as it is

    with monkeypatch.context() as patched:
        patched.setattr(sqlite, "_prepare", limited)
        yield
