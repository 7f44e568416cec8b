from __future__ import annotations

import multiprocessing
import socket
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import delete, func, insert, inspect, make_url, select, text

from mlmagic.core.events import EventKind
from mlmagic.core.model import ModelDescription
from mlmagic.core.names import ModelReference
from mlmagic.errors import InvalidConfig, UsageError, WorkspaceUnavailable
from mlmagic.workspace import events, models, postgresql
from mlmagic.workspace.connection import Database, parse
from mlmagic.workspace.database import migrations, workspace
from mlmagic.workspace.memory import Memory
from tests.support.postgresql import Server, running

URL = make_url("postgresql://ada:secret@db.example:6543/team")


@pytest.mark.parametrize(
    "url", ["mysql://u:secret@h/db", "nonsense secret", "postgresql+pg8000://ada:secret@h/x", "x://[secret"]
)
def test_what_is_no_url_of_ours_is_told_without_its_password(url: str) -> None:
    with pytest.raises(InvalidConfig, match="must be a URL of SQLite or PostgreSQL") as told:
        Database(url)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_the_driver_is_psycopg(scheme: str) -> None:
    assert postgresql.with_driver(parse(f"{scheme}://h/x")).drivername == "postgresql+psycopg"


def test_a_missing_driver_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UsageError, match=r'pip install "mlmagic\[postgresql\]"') as told:
        postgresql.with_driver(URL)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("code", "words", "told"),
    [
        (
            None,
            'connection failed: connection to server at "10.0.0.1", port 6543 failed: Connection refused\n'
            "\tIs the server running on that host and accepting TCP/IP connections?",
            "PostgreSQL at db.example:6543 says: Connection refused",
        ),
        (
            None,
            'connection failed: FATAL:  password authentication failed for user "ada"',
            "refuses the password of user 'ada' for database 'team'",
        ),
        (None, "fe_sendauth: no password supplied", "refuses the password of user 'ada'"),
        (None, 'FATAL:  database "team" does not exist', "at db.example:6543 has no database 'team'"),
        (None, "connection timeout expired", "says: connection timeout expired"),
        ("3D000", "in whatever language", "has no database 'team'"),
        ("42501", "permission denied for schema public", "user 'ada' may not create or change tables"),
        ("53300", "FATAL:  sorry, too many clients already", "says: sorry, too many clients already"),
        ("57P01", "terminating connection due to administrator command", "says: terminating connection"),
        ("55P03", "canceling statement due to lock timeout", "another writer has blocked"),
        ("23505", "duplicate key", ""),
        ("22021", "invalid byte sequence in 'password'", ""),
    ],
)
def test_what_the_server_says_is_explained(code: str | None, words: str, told: str) -> None:
    message, fix = postgresql.explain(URL, code, words)
    assert told in message
    assert bool(message) == bool(fix) == bool(told)
    assert "secret" not in message + fix
    assert "\n" not in message + fix


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ada:secret@h:1/team", "postgresql://ada:***@h:1/team"),
        ("postgresql://h/team?user=ada&password=secret", "postgresql://h/team?user=ada"),
    ],
)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert postgresql.shown(make_url(url)) == shown


def _add(memory: Memory, name: str, **values: object) -> None:
    with memory.writing() as tx:
        models.add(tx, ModelDescription(name, **values), ())  # type: ignore[arg-type]


def test_any_text_and_number_is_kept(memory: Memory) -> None:
    sample = [["a\0b", "\ud800", 1e308, float("inf")]]
    _add(memory, "m", sample_input=sample, description="x\0y")
    with memory.reading() as tx:
        read = models.get(tx, ModelReference("m"))
        assert (read.details.sample_input, read.details.description) == (sample, "x\0y")
    with memory.writing() as tx:
        events.append(tx, EventKind.STATE_CHANGED, "x" * 1000, "died of \0", {"nan": float("nan")})
        event = events.after(tx, 0)[-1]
    assert event.message.startswith("died of ")
    assert event.data["nan"] != event.data["nan"]


def test_names_are_sorted_by_code_point(memory: Memory) -> None:
    for name in ("b", "A", "a-b", "aa", "a_b", "B"):
        _add(memory, name)
    with memory.reading() as tx:
        assert models.names(tx) == sorted(["b", "A", "a-b", "aa", "a_b", "B"])


def test_reading_sees_one_moment(memory: Memory) -> None:
    _add(memory, "before")
    with memory.reading() as tx:
        assert models.names(tx) == ["before"]
        _add(memory, "after")
        assert models.names(tx) == ["before"]
    with memory.reading() as tx:
        assert models.names(tx) == ["after", "before"]


def test_a_writer_sees_what_the_writer_before_it_wrote(memory: Memory) -> None:
    """Who waits for the lock begins when it has it: no change is lost, and none is refused."""
    counts = [0] * 8
    started = threading.Barrier(len(counts))

    def append(index: int) -> None:
        started.wait()
        for _ in range(5):
            with memory.writing() as tx:
                newest = events.newest_id(tx)
                events.append(tx, EventKind.STATE_CHANGED, "s", "m", {"seen": newest})
            counts[index] += 1

    threads = [threading.Thread(target=append, args=(index,)) for index in range(len(counts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [5] * 8
    with memory.reading() as tx:
        told = events.after(tx, 0)
    assert [event.data["seen"] for event in told] == [0, *(event.id for event in told[:-1])]


def _open(url: str) -> list[str]:
    database = Database(url)
    with database.reading() as tx:
        names = sorted(tx.scalars(select(migrations.c.name)))
    database.close()
    return names


@pytest.fixture(params=["sqlite", "postgresql"])
def blank(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'blank.db'}"
    server: Server = request.getfixturevalue("postgresql")
    return server.new_database(blank=True)


@pytest.mark.processes
def test_processes_that_open_a_new_database_at_once_migrate_it_once(blank: str) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        opened = pool.map(_open, [blank] * 4, chunksize=1)
    assert opened == [_open(blank)] * 4
    database = Database(blank)
    with database.reading() as tx:
        assert "services" in inspect(tx).get_table_names()
        assert tx.scalar(select(func.count()).select_from(migrations)) == len(opened[0])
    database.close()


def test_a_workspace_from_before_there_were_machines(memory: Memory) -> None:
    with memory.writing() as tx:
        tx.execute(text("ALTER TABLE services DROP COLUMN machine"))
        workspace.drop(tx)
        tx.execute(delete(migrations).where(migrations.c.name.like("m003_%")))
    database = Database(memory.location.database_url)
    with database.reading() as tx:
        assert "machine" in {column["name"] for column in inspect(tx).get_columns("services")}
        assert len(tx.scalars(select(workspace.c.id)).one()) == 32
    database.close()


def test_what_a_newer_version_has_changed_is_read_and_not_written(memory: Memory) -> None:
    with memory.writing() as tx:
        tx.execute(insert(migrations).values(name="m999_of_tomorrow", applied=0.0))
    with memory.reading() as tx:
        assert len(tx.scalars(select(workspace.c.id)).one()) == 32
    with pytest.raises(WorkspaceUnavailable, match="newer version of mlmagic"), memory.writing() as tx:
        tx.execute(delete(workspace))
    with memory.reading() as tx:
        assert tx.scalars(select(workspace.c.id)).all()


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_server_may_be_missing_except_in_ci(
    ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr("tests.support.postgresql.binaries", lambda: None)
    with pytest.raises(outcome, match="apt-get install postgresql"), running():
        pass


@pytest.mark.processes
def test_a_server_that_cannot_be_used_is_told_in_one_line(postgresql: Server) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody can be there
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        refused = f":{port} says: Connection refused"
        cases = {
            f"postgresql://ada:secret@127.0.0.1:{port}/team": rf"127\.0\.0\.1{refused}",
            f"postgresql://ada:secret@localhost:{port}/team": f"localhost{refused}",
            postgresql.url("postgres", password="secret"): "refuses the password of user 'mlmagic'",
            postgresql.url("nowhere"): "has no database 'nowhere'. Create it: createdb",
            "postgresql://ada:secret@nowhere.invalid/team": "PostgreSQL at nowhere.invalid:5432 says: ",
        }
        for url, words in cases.items():
            with pytest.raises(WorkspaceUnavailable, match=words) as told:
                Database(url)
            assert "\n" not in str(told.value)
            assert str(parse(url).password) not in str(told.value)


@pytest.mark.processes
def test_a_user_without_rights_is_told_the_grant(postgresql: Server) -> None:
    url = postgresql.new_database(blank=True)
    postgresql.execute("CREATE ROLE reader LOGIN PASSWORD 'secret'")
    name = url.rpartition("/")[2]
    with pytest.raises(WorkspaceUnavailable, match="GRANT CREATE ON SCHEMA public TO reader"):
        Database(postgresql.url(name, user="reader", password="secret"))


@pytest.mark.processes
def test_a_connection_that_broke_is_made_anew(postgresql: Server) -> None:
    url = postgresql.new_database()
    database = Database(url)
    end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
    postgresql.execute(f"{end_all}'{url.rpartition('/')[2]}'")
    with database.reading() as tx:  # what was pooled is tried first
        assert events.newest_id(tx) == 0

    def write_while_it_breaks() -> None:
        with database.writing() as tx:
            postgresql.execute(f"{end_all}'{url.rpartition('/')[2]}'")
            events.newest_id(tx)

    with pytest.raises(WorkspaceUnavailable, match="cannot be used"):
        write_while_it_breaks()
    with database.writing() as tx:
        assert events.newest_id(tx) == 0
    database.close()
