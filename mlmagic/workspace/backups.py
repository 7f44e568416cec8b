"""Copies of a workspace's SQLite database, and what to say when the database itself is lost.

    backups/workspace-20261128T225900Z.db    the newest three, a day apart, and one before each migration

They are made with SQLite's backup API, so a copy is one moment of the database, whoever writes meanwhile.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from shlex import quote

from mlmagic.errors import WorkspaceUnavailable
from mlmagic.workspace.file_writing import sync
from mlmagic.workspace.identity import ProcessIdentity
from mlmagic.workspace.run_folders import is_abandoned_draft

FOLDER = "backups"
KEPT = 3
EVERY_SECONDS = 24 * 3600.0

log = logging.getLogger(__name__)


def list_backups(folder: Path) -> list[Path]:
    """The backups of the workspace in ``folder``, the oldest first."""
    return sorted((folder / FOLDER).glob("workspace-*.db"))


def is_due(folder: Path) -> bool:
    """Whether the workspace has something to lose, and no backup of the last day."""
    made = list_backups(folder)
    try:
        since = time.time() - made[-1].stat().st_mtime if made else EVERY_SECONDS
    except FileNotFoundError:  # another process has just removed it, for a newer one
        return False
    # A backup of the future was made before somebody set the clock back.
    return not 0 <= since < EVERY_SECONDS and bool(_contents(folder))


def make(database: Path) -> Path | None:
    """Make a backup, and remove old ones; returns its path, or None if the database could not be copied.

    A damaged database is not copied: its copy would push out a good one.
    """
    folder = database.parent / FOLDER
    draft = folder / f".{ProcessIdentity.current().mark()}"
    try:
        folder.mkdir(exist_ok=True)
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(draft)) as copy:
            source.backup(copy)
            problem = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise sqlite3.DatabaseError(problem)
        draft.chmod(database.stat().st_mode & 0o777)
        sync(draft)
        made = folder / f"workspace-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.db"
        draft.replace(made)
    except (OSError, sqlite3.Error, WorkspaceUnavailable) as error:
        log.warning("The database %s was not backed up: %s", database, error)
        return None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    for old in list_backups(database.parent)[:-KEPT]:
        old.unlink(missing_ok=True)
    for path in folder.iterdir():
        if is_abandoned_draft(path.name):
            path.unlink(missing_ok=True)
    return made


def how_to_restore(database: Path) -> str:
    """What to do for a database that is lost or damaged."""
    made = list_backups(database.parent)
    if not made:
        return (
            f"There is no backup. Restore {database.name} from one of your own, "
            f"or begin anew: mv {quote(str(database.parent))} {quote(f'{database.parent}.old')}."
        )
    beside = " ".join(quote(f"{database}-{end}") for end in ("wal", "shm"))
    newest, place, draft = quote(str(made[-1])), quote(str(database)), quote(f"{database}.restored")
    # A new file, not new content: this is how processes that have the old one open notice.
    return f"Restore the newest backup: cp -p {newest} {draft} && rm -f {beside} && mv {draft} {place}."


def lost(database: Path) -> WorkspaceUnavailable | None:
    """The error for a database without tables beside files and services that only it can explain; or None."""
    try:
        contents = _contents(database.parent)
    except OSError as error:
        return WorkspaceUnavailable(
            f"the workspace's folder {database.parent} cannot be used: {error.strerror}",
            hint="Check that it is a folder that you may read and write.",
        )
    if not contents:
        return None
    state = "is missing" if not database.exists() else "is empty"
    return WorkspaceUnavailable(
        f"database {database} {state}, and beside it lie {' and '.join(contents)}",
        hint=how_to_restore(database),
    )


def _contents(folder: Path) -> list[str]:
    counts = {
        "stored file": sum(1 for _ in (folder / "files").glob("??/*")),
        "service folder": sum(1 for _ in (folder / "services").glob("*")),
    }
    return [f"{count} {what}{'s' if count > 1 else ''}" for what, count in counts.items() if count]
