"""The connection to a workspace's database, and the two kinds of transaction.

SQLite in WAL mode by default (see `sqlite`); PostgreSQL for a team (see `postgresql`). A writing
transaction takes the write lock at its start, so that what it read is still true when it writes, and two
writers wait for each other instead of failing.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import URL, Connection, insert, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError

from mlmagic.errors import InvalidConfig, WorkspaceUnavailable
from mlmagic.workspace import backups, postgresql, sqlite
from mlmagic.workspace.database import MIGRATIONS, migrations, missing_migrations

_KINDS = ("sqlite", "sqlite+pysqlite", "postgresql", "postgres", "postgresql+psycopg")


class Database:
    """The connection to one workspace's database.

    Raises `InvalidConfig` for a URL of another kind of database, `UsageError` for a driver that is not
    installed, and `WorkspaceUnavailable` for a server that cannot be used, now or in any transaction.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        """``read_only`` says that the folder of a SQLite database may not be written to."""
        self._url = parse(url)
        self._on_sqlite = self._url.get_backend_name() == "sqlite"
        self._path = Path(self._url.database) if self._on_sqlite and self._url.database else None
        self._read_only = read_only and self._on_sqlite
        if self._path is not None and not _has_content(self._path):
            self._refuse_if_lost()
        if self._read_only:
            self._engine = sqlite.connect_to_read(self._url)
        else:
            self._engine = (sqlite if self._on_sqlite else postgresql).connect(self._url)
        self._opened: _File | None = None
        self._reopening = threading.RLock()
        self._is_reopening = self._is_migrated = False
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise
        self._opened = _file_at(self._path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment and changes nothing."""
        with self._transaction({} if self._on_sqlite else {"postgresql_readonly": True}) as connection:
            yield connection

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Connection]:
        """A transaction that writes: all of it happens, or nothing.

        A ``durable`` one is on the disk when it ends; another may be lost with the machine's power.
        """
        if self._read_only:
            raise WorkspaceUnavailable(
                f"workspace {self._path and self._path.parent} is read-only: you may not write to its folder",
                hint="Ask its owner for the permission, or copy the folder and use the copy.",
            )
        options = (sqlite if self._on_sqlite else postgresql).writing_options(durable=durable)
        with self._transaction(options) as connection:
            if self._is_migrated:
                # A newer version may have changed the database meanwhile: it means what we do not know.
                self._refuse_if_newer(connection)
            yield connection

    @contextmanager
    def _transaction(self, options: dict[str, Any]) -> Iterator[Connection]:
        self._reopen_if_replaced()
        committing: postgresql.Commit | None = None
        try:
            with self._engine.connect() as plain:
                connection = plain.execution_options(**options)
                with connection.begin():
                    yield connection
                    if not self._on_sqlite and options.get(postgresql.WRITES):
                        committing = postgresql.about_to_commit(connection)
        except (DBAPIError, sqlite3.Error) as error:
            unavailable = self._unavailable(error)
            if unavailable is None:
                raise
            if committing is not None:
                committed = postgresql.was_committed(self._engine, committing)
                if committed:
                    return
                if committed is None:
                    unavailable = postgresql.outcome_unknown(self._url)
            raise unavailable from error

    def _reopen_if_replaced(self) -> None:
        """Open a file that was put in place of the one that is open, and refuse to go on without one.

        Else all would be written to the file that was removed, and would be gone with this process. A file
        that lost its end is checked first: SQLite would write on with the pages that it has in memory.
        """
        if self._is_still_open():
            return
        with self._reopening:  # the other threads wait until it is known what lies there
            if self._is_reopening or self._is_still_open():
                return
            self._is_reopening = True
            try:
                self._engine.dispose()
                if self._path is not None and not _has_content(self._path):
                    self._refuse_if_lost()
                self._refuse_if_damaged()
                self._migrate()
                self._opened = _file_at(self._path)
            finally:
                self._is_reopening = False

    def _is_still_open(self) -> bool:
        """Whether the file that was opened lies there, and has not become shorter."""
        opened, found = self._opened, _file_at(self._path)
        if opened is None or opened == found:
            return True
        if found is None or found.inode != opened.inode or found.size < opened.size:
            return False
        self._opened = found
        return True

    def _refuse_if_damaged(self) -> None:
        with self.reading() as connection:
            words = " ".join(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one().split())
        if words != "ok" and self._path is not None:
            message, fix = sqlite.explain(self._path, "SQLITE_CORRUPT", words)
            raise WorkspaceUnavailable(message, hint=fix)

    def _unavailable(self, error: DBAPIError | sqlite3.Error) -> WorkspaceUnavailable | None:
        if self._on_sqlite:
            return sqlite.unavailable(self._url, error.orig if isinstance(error, DBAPIError) else error)
        return postgresql.unavailable(self._url, error) if isinstance(error, DBAPIError) else None

    def close(self) -> None:
        self._engine.dispose()

    def _migrate(self) -> None:
        self._is_migrated = False
        self._bring_up_to_date()
        self._is_migrated = True

    def _bring_up_to_date(self) -> None:
        with self.reading() as connection:
            if inspect(connection).has_table("migrations"):
                self._refuse_if_newer(connection)
            missing = missing_migrations(connection)
        if not missing:
            return
        is_new = len(missing) == len(MIGRATIONS)
        if self._path is not None and not is_new and not self._read_only:
            backups.make(self._path)
        with self.writing() as connection:  # another process may have been faster: check again
            if len(missing_migrations(connection)) == len(MIGRATIONS):
                self._refuse_if_lost()
            for step in missing_migrations(connection):
                step(connection)
                connection.execute(insert(migrations).values(name=step.__name__, applied=time.time()))

    def _refuse_if_lost(self) -> None:
        error = backups.lost(self._path) if self._path is not None else None
        if error is not None:
            raise error

    def _refuse_if_newer(self, connection: Connection) -> None:
        unknown = set(connection.scalars(select(migrations.c.name))) - {step.__name__ for step in MIGRATIONS}
        if unknown:
            raise WorkspaceUnavailable(
                f"the workspace's database was changed by a newer version of mlmagic: {min(unknown)}",
                hint="Install the newest, and restart what uses this workspace: pip install -U mlmagic.",
            )


class _File(NamedTuple):
    """A database's file: which one it is, and its size in bytes."""

    inode: tuple[int, int]
    size: int


def _file_at(path: Path | None) -> _File | None:
    """What lies at ``path``; None if there is nothing."""
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return found and _File((found.st_dev, found.st_ino), found.st_size)


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def parse(url: str) -> URL:
    """The parts of a database URL. Raises `InvalidConfig` for anything but SQLite and PostgreSQL."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.drivername not in _KINDS:
        # Not the value itself: there may be a password in it.
        kind = url.partition(":")[0] if "://" in url else ""
        raise InvalidConfig(
            "workspace database",
            kind and f"{kind}://...",
            "must be a URL of SQLite or PostgreSQL",
            hint="For example postgresql://user@host:5432/team.",
        )
    return parsed
