"""Databases of workspaces that are lost, damaged or of a newer version."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

LOSSES = ("missing", "empty", "without tables", "overwritten", "malformed", "truncated")


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
