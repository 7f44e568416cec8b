"""The rows: tables, migrations, and the two kinds of transaction.

SQLite in WAL mode by default; any database SQLAlchemy speaks for a team. A writing transaction takes
the write lock at its start (``BEGIN IMMEDIATE``), so that what it read is still true when it writes, and
two writers wait for each other rather than fail.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    inspect,
    select,
)

BUSY_TIMEOUT_SECONDS = 60.0

metadata = MetaData()

migrations = Table(
    "migrations",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("applied", Float, nullable=False),
)

model_names = Table(
    "model_names",
    metadata,
    Column("name", String(255), primary_key=True),
    # Counts up for ever: a version that was deleted is not given again.
    Column("last_version", Integer, nullable=False),
)

models = Table(
    "models",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("created_time", Float, nullable=False),
    Column("details", JSON, nullable=False),
    Column("files", JSON, nullable=False),
)

# Which contents a model or a revision holds: what is not here may be removed.
references = Table(
    "file_references",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("holder", String(320), primary_key=True),
)

services = Table(
    "services",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("target", String(64), nullable=False),
    Column("desired", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("revision", Integer, nullable=False),
    # Counts up for ever, as model versions do.
    Column("last_revision", Integer, nullable=False),
    Column("created_time", Float, nullable=False),
    Column("updated_time", Float, nullable=False),
    Column("serving", Integer),
    Column("handle", JSON(none_as_null=True)),
    Column("candidate", Integer),
    Column("candidate_handle", JSON(none_as_null=True)),
    Column("retiring", JSON, nullable=False),
    Column("url", Text),
    Column("words", Text, nullable=False, default=""),
    Column("error", JSON(none_as_null=True)),
    Column("restarts", Integer, nullable=False, default=0),
    Column("models", JSON, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("properties", JSON, nullable=False),
    Column("description", Text, nullable=False, default=""),
    Column("stats", JSON, nullable=False),
    Column("lease_holder", Text),
    Column("lease_until", Float, nullable=False, default=0.0),
)

revisions = Table(
    "revisions",
    metadata,
    Column("service_id", String(32), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("models", JSON, nullable=False),
    Column("inference", JSON, nullable=False),
    Column("files", JSON, nullable=False),
    Column("config", JSON, nullable=False),
    Column("python", Text, nullable=False),
)

# Apart from the services: whoever reads those does not read keys.
service_keys = Table(
    "service_keys",
    metadata,
    Column("service_id", String(32), primary_key=True),
    Column("primary", Text, nullable=False),
    Column("secondary", Text, nullable=False),
    Column("token_secret", Text, nullable=False),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("endpoint", Text, nullable=False),
    Column("schema", String(16), nullable=False),
    Column("filter", JSON, nullable=False),
    Column("secret", Text),
    Column("created_time", Float, nullable=False),
    # Who sends to it now: one process at a time.
    Column("lease_holder", Text),
    Column("lease_until", Float, nullable=False, default=0.0),
)

# One row per event and subscription that wants it, written with the event.
deliveries = Table(
    "deliveries",
    metadata,
    Column("subscription", String(64), primary_key=True),
    Column("event_id", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("since", Float, nullable=False),
    Column("next_time", Float, nullable=False),
    Column("status", Integer),
    Column("words", Text, nullable=False),
)

follows = Table(
    "follows",
    metadata,
    Column("service_id", String(32), primary_key=True),
    Column("model", String(255), primary_key=True),
    Column("tag", Text),
)

# A version is here once, from when it counts on: so it is taken on at most once.
followed_versions = Table(
    "followed_versions",
    metadata,
    Column("service_id", String(32), primary_key=True),
    Column("model", String(255), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("revision", Integer),
    Column("words", Text, nullable=False, default=""),
)

assets = Table(
    "assets",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("created_time", Float, nullable=False),
    Column("record", JSON, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("time", Float, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("subject", String(320), nullable=False, index=True),
    Column("message", Text, nullable=False),
    Column("data", JSON, nullable=False),
    sqlite_autoincrement=True,
)

Migration = Callable[[Connection], None]
_MIGRATIONS: list[Migration] = []


def migration(step: Migration) -> Migration:
    """Add a step; steps run in the order they stand here, each once, with the record of it."""
    _MIGRATIONS.append(step)
    return step


@migration
def m001_first_tables(connection: Connection) -> None:
    metadata.create_all(connection)


@migration
def m002_service_keys(connection: Connection) -> None:
    service_keys.create(connection, checkfirst=True)


@migration
def m004_event_subscriptions(connection: Connection) -> None:
    for table in (subscriptions, deliveries, follows, followed_versions):
        table.create(connection, checkfirst=True)


@migration
def m005_assets(connection: Connection) -> None:
    assets.create(connection, checkfirst=True)


class Database:
    """The connection to one workspace's rows."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, **_options(url))
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _prepare_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)
        self._migrate()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment and changes nothing."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: all of it happens, or nothing."""
        with self._engine.connect() as plain:
            connection = plain.execution_options(mlmagic_writes=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        self._engine.dispose()

    def _migrate(self) -> None:
        with self.reading() as connection:
            if _missing_migrations(connection) == []:
                return
        with self.writing() as connection:  # somebody else may have been faster: ask again
            for step in _missing_migrations(connection):
                step(connection)
                connection.execute(insert(migrations).values(name=step.__name__, applied=time.time()))


def _missing_migrations(connection: Connection) -> list[Migration]:
    if not inspect(connection).has_table("migrations"):
        return list(_MIGRATIONS)
    done = set(connection.scalars(select(migrations.c.name)))
    return [step for step in _MIGRATIONS if step.__name__ not in done]


def _options(url: str) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False}}
    return {"pool_pre_ping": True}


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # We say BEGIN ourselves (below); the driver's own idea of when to do so comes too late.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"PRAGMA busy_timeout={int(BUSY_TIMEOUT_SECONDS * 1000)}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("mlmagic_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
