"""PostgreSQL, for a team: how to connect, how to begin a transaction, and what its failures mean.

Writers take one advisory lock first. They are then as serial as SQLite's ``BEGIN IMMEDIATE`` makes them:
what a writer read is still true when it writes, none fails because of another, and the ids of events are
in the order of the commits. Row locks would give none of this, and SERIALIZABLE would have every
writer be ready to start again. Our transactions are short, so one at a time is enough.

A connection that breaks during a commit leaves open whether the change was recorded. The server knows: it is
asked by the transaction's number, so that nobody repeats what has been done.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from mlmagic.errors import UsageError, WorkspaceUnavailable

CONNECT_TIMEOUT_SECONDS = 10
LOCK_TIMEOUT_SECONDS = 60.0
# A machine that vanishes in the middle of a transaction must not keep the lock for hours.
IDLE_TIMEOUT_SECONDS = 300.0
OUTCOME_TIMEOUT_SECONDS = 10.0
"""How long the server is asked for the outcome of a commit: it may be starting again."""
OUTCOME_POLL_SECONDS = 0.2
WRITES = "mlmagic_writes"
"""The execution option of a transaction that writes."""
_NUMBER = "mlmagic_transaction"
# Any number will do, as long as it stays: "mlmagic" in ASCII. The lock is the database's own.
_WRITE_LOCK = 0x6D6C6D61676963
_SURVIVED = text(
    # The last checkpoint is that at the end of the recovery: it begins where the log ended.
    "SELECT pg_postmaster_start_time() = :started OR redo_lsn >= CAST(:position AS pg_lsn)"
    " FROM pg_control_checkpoint()"
)


def with_driver(url: URL) -> URL:
    """The URL with the driver we use: psycopg 3.

    Raises `UsageError` naming the extra if that is not installed.
    """
    try:
        import psycopg  # noqa: F401
    except ImportError:  # of the package, or of libpq under it
        raise UsageError(
            f"the workspace database {shown(url)!r} needs the package psycopg, which is not installed",
            hint='Install it: pip install "mlmagic[postgresql]".',
        ) from None
    return url.set(drivername="postgresql+psycopg")


def connect(url: URL) -> Engine:
    """An engine whose transactions begin as described above; connects when it is first used."""
    engine = create_engine(
        with_driver(url),
        pool_pre_ping=True,  # a server that was restarted costs nobody an error
        isolation_level="REPEATABLE READ",
        connect_args={} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_TIMEOUT_SECONDS},
    )
    event.listen(engine, "begin", _begin)
    return engine


def writing_options(*, durable: bool) -> dict[str, Any]:
    """Execution options of a transaction that writes. How ``durable`` it is, is the server's setting.

    READ COMMITTED, because it waits for the lock in its first statement: REPEATABLE READ would go on
    seeing the moment before the wait. Nobody else writes meanwhile, so it too sees one moment only.
    """
    return {WRITES: True, "isolation_level": "READ COMMITTED"}


def _begin(connection: Connection) -> None:
    if not connection.get_execution_options().get(WRITES, False):
        return
    begun = connection.execute(
        text(
            "SELECT txid_current(), set_config('lock_timeout', :lock_timeout, true),"
            " set_config('idle_in_transaction_session_timeout', :idle_timeout, true)"
        ),
        {
            "lock_timeout": f"{LOCK_TIMEOUT_SECONDS:.0f}s",
            "idle_timeout": f"{IDLE_TIMEOUT_SECONDS:.0f}s",
        },
    )
    connection.info[_NUMBER] = begun.scalar_one()
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITE_LOCK})


class Commit(NamedTuple):
    """What `was_committed` knows a transaction by."""

    number: int
    position: str
    """The end of the server's log (WAL) when all of the transaction but its commit was written there."""
    started: datetime
    """When the server was started."""


def about_to_commit(connection: Connection) -> Commit:
    """A transaction that has written all that it writes."""
    asked = text("SELECT CAST(pg_current_wal_insert_lsn() AS text), pg_postmaster_start_time()")
    position, started = connection.execute(asked).one()
    return Commit(int(connection.info[_NUMBER]), position, started)


def was_committed(engine: Engine, commit: Commit) -> bool | None:
    """Whether the server has committed a transaction; None if it gives no answer in time.

    A server that crashed gives the numbers of transactions that its log had not reached to others. So after a
    restart, a number counts only if the log reached as far as the transaction had written.
    See https://www.postgresql.org/docs/current/functions-info.html, ``txid_status``.
    """
    deadline = time.monotonic() + OUTCOME_TIMEOUT_SECONDS
    while True:
        try:
            with engine.connect() as connection:
                if connection.execute(_SURVIVED, commit._asdict()).scalar_one() is False:
                    return False
                status = connection.scalar(text("SELECT txid_status(:number)"), {"number": commit.number})
        except DBAPIError:
            status = None
        # "in progress" until the server has noticed that the connection is gone.
        if status in ("committed", "aborted"):
            return bool(status == "committed")
        if time.monotonic() >= deadline:
            return None
        time.sleep(OUTCOME_POLL_SECONDS)


def outcome_unknown(url: URL) -> WorkspaceUnavailable:
    """The error for a commit of which `was_committed` knows nothing."""
    return WorkspaceUnavailable(
        f"the connection to database {url.database!r} was lost while a change was being recorded: "
        "it may have been recorded or not",
        hint="When the server answers again, look before you repeat it.",
    )


def shown(url: URL) -> str:
    """The URL without its password, to show it."""
    open_query = {key: value for key, value in url.query.items() if "password" not in key.lower()}
    return url.set(query=open_query).render_as_string(hide_password=True)


def unavailable(url: URL, error: DBAPIError) -> WorkspaceUnavailable | None:
    """The error for a failure of the server or the connection; None for other failures of the driver."""
    code = getattr(error.orig, "sqlstate", None)
    if code is None and not error.connection_invalidated and not _is_about_connecting(error):
        return None
    message, fix = explain(url, code, str(error.orig))
    return None if not message else WorkspaceUnavailable(message, hint=fix)


def explain(url: URL, code: str | None, words: str) -> tuple[str, str]:
    """What happened and how to fix it, from the SQLSTATE (if any) and the message of server or driver.

    Two empty texts for an error that is not about the server, such as a violated constraint.
    """
    server = f"{url.host or url.query.get('host') or 'the local socket'}:{url.port or 5432}"
    user = url.username or "you"
    if code == "28P01" or (code is None and "password" in words.lower()):
        return (
            f"PostgreSQL at {server} refuses the password of user {user!r} for database {url.database!r}",
            "Correct it in the URL, or keep it in ~/.pgpass.",
        )
    if code == "3D000" or (url.database and f'database "{url.database}" does not exist' in words):
        return (
            f"PostgreSQL at {server} has no database {url.database!r}",
            f"Create it: createdb -h {url.host or 'HOST'} -p {url.port or 5432} {url.database}.",
        )
    if code == "42501":
        return (
            f"user {user!r} may not create or change tables in database {url.database!r} at {server}",
            f"Have its owner run: GRANT CREATE ON SCHEMA public TO {user}.",
        )
    if code == "55P03":
        return (
            f"another writer has blocked database {url.database!r} at {server} "
            f"for {LOCK_TIMEOUT_SECONDS:.0f} seconds",
            "Try again; pg_stat_activity shows the writer.",
        )
    if code is None or code.startswith(("08", "28", "53", "57P")):
        return (
            f"database {url.database!r} cannot be used: PostgreSQL at {server} says: {_core(words)}",
            "Check that the server runs, that this machine can reach it, and that host and port are right.",
        )
    return "", ""


def _is_about_connecting(error: DBAPIError) -> bool:
    # Before there is a connection there is no statement either.
    return error.statement is None and type(error.orig).__name__ in ("OperationalError", "ConnectionTimeout")


def _core(words: str) -> str:
    """The informative part of libpq's message."""
    lines = [line for line in words.splitlines() if "failed: " in line or "FATAL: " in line] or [
        words.strip()
    ]
    return lines[0].rpartition("FATAL: ")[2].rpartition("failed: ")[2].strip() or "nothing"
