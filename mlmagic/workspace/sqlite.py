"""SQLite in WAL mode: how to connect, how a transaction begins, and what its failures mean."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event

from mlmagic.errors import WorkspaceUnavailable
from mlmagic.workspace import backups

BUSY_TIMEOUT_SECONDS = 60.0


def connect(url: URL) -> Engine:
    """An engine whose writing transactions take the write lock at their start."""
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def connect_to_read(url: URL) -> Engine:
    """An engine for a folder that may not be written to. Each transaction opens the database again."""
    path = Path(str(url.database))

    def opened() -> sqlite3.Connection:
        wal = path.with_name(f"{path.name}-wal")
        # SQLite reads a database in WAL mode without writing beside it only if nobody changes it, which is
        # called immutable; while somebody else has it open, that process keeps the files that are needed.
        options = "mode=ro" if wal.exists() and wal.stat().st_size else "mode=ro&immutable=1"
        return sqlite3.connect(
            f"file:{quote(str(path))}?{options}", uri=True, isolation_level=None, check_same_thread=False
        )

    engine = create_engine(url, creator=opened, poolclass=NullPool)
    event.listen(engine, "begin", _begin)
    return engine


def writing_options(*, durable: bool) -> dict[str, Any]:
    """Execution options of a transaction that writes; a ``durable`` one survives a loss of power."""
    return {"mlmagic_writes": True, "mlmagic_durable": durable}


def unavailable(url: URL, error: BaseException | None) -> WorkspaceUnavailable | None:
    """The error for a failure of the database or its disk; None for any other."""
    if not isinstance(error, sqlite3.Error):
        return None
    path = Path(str(url.database))
    message, fix = explain(path, getattr(error, "sqlite_errorname", ""), str(error))
    return None if not message else WorkspaceUnavailable(message, hint=fix)


def explain(path: Path, code: str, words: str) -> tuple[str, str]:
    """What happened and how to fix it, from the name of SQLite's error code and its message.

    Two empty texts for an error that is not about the file, such as a violated constraint.
    """
    primary = "_".join(code.split("_")[:2])
    if primary == "SQLITE_ERROR" and words.startswith("no such table"):  # it was emptied while it was open
        return f"database {path} is damaged: {words}", backups.how_to_restore(path)
    if primary in ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL"):
        return (
            f"database {path} is locked: another process blocked it for {BUSY_TIMEOUT_SECONDS:.0f} seconds",
            f"Try again. This shows the process: fuser {path}.",
        )
    if primary == "SQLITE_FULL":
        return (
            f"database {path} cannot be written: the disk is full, and nothing was changed",
            "Free some space on that disk, then try again.",
        )
    if primary == "SQLITE_IOERR":
        return (
            f"database {path} cannot be read or written: {words}",
            "Check that disk and its free space, then try again.",
        )
    if primary in ("SQLITE_CORRUPT", "SQLITE_NOTADB"):
        return f"database {path} is damaged: {words}", backups.how_to_restore(path)
    if primary == "SQLITE_READONLY":
        return (
            f"database {path} may not be written to",
            "Ask its owner for the permission, or copy the workspace's folder and use the copy.",
        )
    if primary in ("SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH"):
        return (
            f"database {path} cannot be opened",
            f"Check that you may read and write {path.parent}.",
        )
    return "", ""


def _prepare(connection: Any, _record: Any) -> None:
    # We send BEGIN ourselves (below): the driver would send it too late.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_SECONDS * 1000)}")


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("mlmagic_writes", False):
        connection.exec_driver_sql("BEGIN")
        return
    # In WAL mode NORMAL keeps the order of transactions, and FULL also waits for the disk. Files are unlinked
    # after a transaction that was FULL: else power loss could bring back a row whose file is gone.
    level = "FULL" if options.get("mlmagic_durable", True) else "NORMAL"
    connection.exec_driver_sql(f"PRAGMA synchronous={level}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
