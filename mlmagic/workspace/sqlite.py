"""SQLite in WAL mode: how to connect, and how a transaction begins."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

BUSY_TIMEOUT_SECONDS = 60.0


def connect(url: URL) -> Engine:
    """An engine whose writing transactions take the write lock at their start."""
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def writing_options(*, durable: bool) -> dict[str, Any]:
    """Execution options of a transaction that writes; a ``durable`` one survives a loss of power."""
    return {"mlmagic_writes": True, "mlmagic_durable": durable}


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
