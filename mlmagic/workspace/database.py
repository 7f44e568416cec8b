"""The tables of a workspace's database, and the migrations that bring an older one up to date."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from sqlalchemy import (
    Column,
    Connection,
    Float,
    Integer,
    MetaData,
    Table,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.schema import CreateColumn

from mlmagic.workspace.column_types import name, prose, record

metadata = MetaData()

migrations = Table(
    "migrations",
    metadata,
    Column("name", name(64), primary_key=True),
    Column("applied", Float, nullable=False),
)

model_names = Table(
    "model_names",
    metadata,
    Column("name", name(255), primary_key=True),
    # Never decreases: the number of a deleted version is not used again.
    Column("last_version", Integer, nullable=False),
)

models = Table(
    "models",
    metadata,
    Column("name", name(255), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("created_time", Float, nullable=False),
    Column("details", record(), nullable=False),
    Column("files", record(), nullable=False),
    # What compiling its files to ONNX gave; NULL: nobody has compiled it.
    Column("compiled", record()),
)

# Which files a model or a revision needs.
references = Table(
    "file_references",
    metadata,
    Column("digest", name(64), primary_key=True),
    Column("holder", name(320), primary_key=True),
)

# Files that have lost their last reference and are still to be removed.
unreferenced = Table("unreferenced_files", metadata, Column("digest", name(64), primary_key=True))

services = Table(
    "services",
    metadata,
    Column("name", name(32), primary_key=True),
    Column("id", name(32), nullable=False, unique=True),
    Column("target", name(64), nullable=False),
    Column("desired", name(16), nullable=False),
    Column("state", name(16), nullable=False),
    Column("revision", Integer, nullable=False),
    # Never decreases, as for model versions.
    Column("last_revision", Integer, nullable=False),
    Column("created_time", Float, nullable=False),
    Column("updated_time", Float, nullable=False),
    Column("serving", Integer),
    Column("handle", record()),
    Column("candidate", Integer),
    Column("candidate_handle", record()),
    Column("retiring", record(), nullable=False),
    Column("url", prose()),
    Column("words", prose(), nullable=False, default=""),
    Column("error", record()),
    Column("restarts", Integer, nullable=False, default=0),
    Column("models", record(), nullable=False),
    Column("tags", record(), nullable=False),
    Column("properties", record(), nullable=False),
    Column("description", prose(), nullable=False, default=""),
    Column("stats", record(), nullable=False),
    Column("replacements", record()),
    Column("compiled", record()),
    # NULL: one, or as many as an autoscaler wants.
    Column("replicas", Integer),
    # The versions of an endpoint; NULL for a service that answers by itself.
    Column("endpoint", record()),
    Column("version_figures", record()),
    Column("lease_holder", prose()),
    Column("lease_until", Float, nullable=False, default=0.0),
    # Grows each time the lease passes to another holder, so that a former one's late writes are recognized.
    Column("lease_token", Integer, nullable=False, default=0, server_default="0"),
    # The only machine whose supervisors may take the lease; NULL for any.
    Column("machine", name(255)),
)

revisions = Table(
    "revisions",
    metadata,
    Column("service_id", name(32), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("models", record(), nullable=False),
    Column("inference", record(), nullable=False),
    Column("files", record(), nullable=False),
    Column("config", record(), nullable=False),
    Column("python", prose(), nullable=False),
    # What it serves of its models as compiled to ONNX; NULL: nothing.
    Column("compiled", record()),
    # Unknown for those that earlier versions have recorded.
    Column("created_time", Float),
    # When it was Healthy for the first time; NULL: never.
    Column("healthy_time", Float),
    Column("change", prose(), nullable=False, default="", server_default=""),
    Column("rollback_of", Integer),
    # 1 for a former revision: it has neither a process nor a folder, and is kept for a rollback.
    Column("retired", Integer, nullable=False, default=0, server_default="0"),
)

# A table of its own, so that reading services does not read keys.
service_keys = Table(
    "service_keys",
    metadata,
    Column("service_id", name(32), primary_key=True),
    Column("primary", prose(), nullable=False),
    Column("secondary", prose(), nullable=False),
    Column("token_secret", prose(), nullable=False),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("name", name(64), primary_key=True),
    Column("endpoint", prose(), nullable=False),
    Column("schema", name(16), nullable=False),
    Column("filter", record(), nullable=False),
    Column("secret", prose()),
    Column("created_time", Float, nullable=False),
    # The process that sends to it now: one at a time.
    Column("lease_holder", prose()),
    Column("lease_until", Float, nullable=False, default=0.0),
)

# One row per event and subscription that accepts it, written with the event.
deliveries = Table(
    "deliveries",
    metadata,
    Column("subscription", name(64), primary_key=True),
    Column("event_id", Integer, primary_key=True, autoincrement=False),
    Column("state", name(16), nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("since", Float, nullable=False),
    Column("next_time", Float, nullable=False),
    Column("status", Integer),
    Column("words", prose(), nullable=False),
)

follows = Table(
    "follows",
    metadata,
    Column("service_id", name(32), primary_key=True),
    Column("model", name(255), primary_key=True),
    Column("tag", prose()),
)

# One row per version to update to: each version is tried at most once.
followed_versions = Table(
    "followed_versions",
    metadata,
    Column("service_id", name(32), primary_key=True),
    Column("model", name(255), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("state", name(16), nullable=False),
    Column("revision", Integer),
    Column("words", prose(), nullable=False, default=""),
)

assets = Table(
    "assets",
    metadata,
    Column("kind", name(32), primary_key=True),
    Column("name", name(255), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("created_time", Float, nullable=False),
    Column("record", record(), nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("time", Float, nullable=False),
    Column("kind", name(32), nullable=False),
    Column("subject", name(320), nullable=False, index=True),
    Column("message", prose(), nullable=False),
    Column("data", record(), nullable=False),
    sqlite_autoincrement=True,
)

# Work that leaves something behind if its process dies: see `mlmagic.workspace.temporary_work`.
temporary_work = Table(
    "temporary_work",
    metadata,
    Column("id", name(32), primary_key=True),
    Column("kind", name(16), nullable=False),
    # The only machine that can clean up: the folders and processes are there.
    Column("machine", name(255), nullable=False, index=True),
    # The process that does the work, or cleans up after it; NULL: nobody.
    Column("owner", prose()),
    Column("started", Float, nullable=False),
    Column("folders", record(), nullable=False),
    Column("launches", record(), nullable=False),
    Column("unfinished", record()),
    # Of cleaning up: how often it failed, and when to try again.
    Column("attempts", Integer, nullable=False),
    Column("next_time", Float, nullable=False),
)

schedules = Table(
    "schedules",
    metadata,
    Column("id", name(36), primary_key=True),
    Column("name", name(255), nullable=False),
    Column("status", name(16), nullable=False),
    # The only machine that starts its runs: the files of its pipeline are there.
    Column("machine", name(255), nullable=False, index=True),
    Column("created_time", Float, nullable=False),
    Column("next_time", Float, nullable=False),
    Column("definition", record(), nullable=False),
    # The run that is being started; NULL: none.
    Column("start", record()),
    # The files that the last look has found.
    Column("seen", record(), nullable=False),
    Column("error", prose(), nullable=False, default=""),
)

# The requests of services by interval, for the charts of the last 15 minutes. Intervals without requests have
# no row. A table of its own, so that reading services does not read them.
traffic_points = Table(
    "traffic_points",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("service_id", name(32), nullable=False, index=True),
    # Of its end. A clock may be set: the order is that of the ids.
    Column("time", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("requests", Float, nullable=False),
    Column("errors", Float, nullable=False),
    Column("latencies", record(), nullable=False),
    Column("cpu_cores", Float),
    Column("memory_bytes", Float),
)

# The counters of a service's server at its last interval, so that another supervisor goes on from there.
traffic_counts = Table(
    "traffic_counts",
    metadata,
    Column("service_id", name(32), primary_key=True),
    Column("time", Float, nullable=False),
    Column("counts", record(), nullable=False),
)

alert_rules = Table(
    "alert_rules",
    metadata,
    Column("name", name(64), primary_key=True),
    Column("definition", record(), nullable=False),
)

# The alerts that are pending or firing: an inactive one has no row.
alerts = Table(
    "alerts",
    metadata,
    Column("rule", name(64), primary_key=True),
    Column("service_id", name(32), primary_key=True),
    Column("state", name(16), nullable=False),
    Column("since", Float, nullable=False),
    Column("checked_time", Float, nullable=False),
    Column("severity", name(16), nullable=False),
    Column("condition", prose(), nullable=False),
    Column("value", prose(), nullable=False),
)

# One row: the id of this workspace, for stores that several workspaces share.
workspace = Table("workspace", metadata, Column("id", name(32), primary_key=True))

Migration = Callable[[Connection], None]
MIGRATIONS: list[Migration] = []


def migration(step: Migration) -> Migration:
    """Add a migration. Each runs once, in the order of this file, in the transaction that records it."""
    MIGRATIONS.append(step)
    return step


@migration
def m001_first_tables(connection: Connection) -> None:
    metadata.create_all(connection)


@migration
def m002_service_keys(connection: Connection) -> None:
    service_keys.create(connection, checkfirst=True)


@migration
def m003_service_machine(connection: Connection) -> None:
    if "machine" not in {column["name"] for column in inspect(connection).get_columns("services")}:
        kind = services.c.machine.type.compile(connection.dialect)
        connection.execute(text(f"ALTER TABLE services ADD COLUMN machine {kind}"))


@migration
def m003_workspace_id(connection: Connection) -> None:
    workspace.create(connection, checkfirst=True)
    if connection.scalar(select(workspace.c.id)) is None:
        connection.execute(insert(workspace).values(id=uuid.uuid4().hex))


@migration
def m004_event_subscriptions(connection: Connection) -> None:
    for table in (subscriptions, deliveries, follows, followed_versions):
        table.create(connection, checkfirst=True)


@migration
def m005_assets(connection: Connection) -> None:
    assets.create(connection, checkfirst=True)


@migration
def m006_unreferenced_files(connection: Connection) -> None:
    unreferenced.create(connection, checkfirst=True)


@migration
def m007_temporary_work(connection: Connection) -> None:
    temporary_work.create(connection, checkfirst=True)


@migration
def m008_replacements(connection: Connection) -> None:
    if "replacements" not in {column["name"] for column in inspect(connection).get_columns("services")}:
        kind = services.c.replacements.type.compile(connection.dialect)
        connection.execute(text(f"ALTER TABLE services ADD COLUMN replacements {kind}"))


@migration
def m009_schedules(connection: Connection) -> None:
    schedules.create(connection, checkfirst=True)


@migration
def m010_lease_token(connection: Connection) -> None:
    if "lease_token" not in {column["name"] for column in inspect(connection).get_columns("services")}:
        connection.execute(text("ALTER TABLE services ADD COLUMN lease_token INTEGER NOT NULL DEFAULT 0"))


@migration
def m011_history_of_revisions(connection: Connection) -> None:
    there = {column["name"] for column in inspect(connection).get_columns("revisions")}
    for column in ("created_time", "healthy_time", "change", "rollback_of", "retired"):
        if column not in there:
            added = CreateColumn(revisions.c[column]).compile(dialect=connection.dialect)
            connection.execute(text(f"ALTER TABLE revisions ADD COLUMN {added}"))
    # What serves has answered; of the others it is not known.
    serving = (services.c.id == revisions.c.service_id) & (services.c.serving == revisions.c.number)
    healthy = select(services.c.updated_time).where(serving).scalar_subquery()
    unknown = revisions.c.healthy_time.is_(None)
    connection.execute(update(revisions).where(unknown).values(healthy_time=healthy))


@migration
def m012_traffic_history(connection: Connection) -> None:
    for table in (traffic_points, traffic_counts):
        table.create(connection, checkfirst=True)


@migration
def m013_replicas(connection: Connection) -> None:
    if "replicas" not in {column["name"] for column in inspect(connection).get_columns("services")}:
        connection.execute(text("ALTER TABLE services ADD COLUMN replicas INTEGER"))


@migration
def m014_endpoints(connection: Connection) -> None:
    there = {column["name"] for column in inspect(connection).get_columns("services")}
    for column in ("endpoint", "version_figures"):
        if column not in there:
            kind = services.c[column].type.compile(connection.dialect)
            connection.execute(text(f"ALTER TABLE services ADD COLUMN {column} {kind}"))


@migration
def m015_alerts(connection: Connection) -> None:
    for table in (alert_rules, alerts):
        table.create(connection, checkfirst=True)


@migration
def m016_compiled_models(connection: Connection) -> None:
    for table in (models, services, revisions):
        if "compiled" not in {column["name"] for column in inspect(connection).get_columns(table.name)}:
            added = CreateColumn(table.c.compiled).compile(dialect=connection.dialect)
            connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {added}"))


def now(connection: Connection) -> float:
    """Seconds since the epoch, by the clock that all users of this database share."""
    if connection.dialect.name == "sqlite":  # its users are on one machine
        return time.time()
    return float(connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())")) or 0.0)


def missing_migrations(connection: Connection) -> list[Migration]:
    """The migrations that this database has not had, in their order."""
    if not inspect(connection).has_table("migrations"):
        return list(MIGRATIONS)
    done = set(connection.scalars(select(migrations.c.name)))
    return [step for step in MIGRATIONS if step.__name__ not in done]
