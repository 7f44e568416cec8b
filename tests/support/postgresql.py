"""A PostgreSQL server of the tests' own: started for a session on a free port, ended with it by its pid."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.waiting import wait_for

_START_SECONDS = 60
_TEMPLATE = "empty_workspace"
# The tests' databases live as long as the session: nothing of them has to reach the disk.
_SETTINGS = ("fsync=off", "full_page_writes=off", "max_connections=100")


@dataclass(frozen=True, slots=True)
class Server:
    """One that runs."""

    port: int
    user: str
    password: str
    pid: int
    data: Path

    def url(self, database: str, *, user: str = "", password: str = "") -> str:
        who = f"{user or self.user}:{password or self.password}"
        return f"postgresql://{who}@127.0.0.1:{self.port}/{database}"

    def execute(self, *statements: str) -> None:
        """Run statements that stand outside of any transaction."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def restart(self) -> None:
        """End it as a crash would, and start it again; returns when it answers."""
        _control(self.data, "restart", "immediate")

    def new_database(self, *, blank: bool = False) -> str:
        """The URL of a database of its own: with the tables of an empty workspace, or ``blank``."""
        name = f"ws_{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {'template0' if blank else _TEMPLATE}")
        return self.url(name)


def binaries() -> Path | None:
    """Where the newest installed server's programs lie; Debian keeps them out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda each: int(each.parts[4]))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("postgres")
    return Path(elsewhere).resolve().parent if elsewhere else None


@contextmanager
def running(*, survives_crashes: bool = False) -> Iterator[Server]:
    """Start a server; skip where there is none, but fail where there must be one (CI).

    One that ``survives_crashes`` has lost no commit after `Server.restart`; the machine's power stays on.
    """
    programs = binaries()
    if programs is None:
        words = "no PostgreSQL server is installed (apt-get install postgresql)"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    # Not under pytest's own folder: that is closed to the user `postgres`, and sockets want short paths.
    folder = Path(tempfile.mkdtemp(prefix="mlmagic-pg-"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
        settings = (*_SETTINGS, f"synchronous_commit={'on' if survives_crashes else 'off'}")
        with _process(programs, folder, settings) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _process(programs: Path, folder: Path, settings: Sequence[str]) -> Iterator[Server]:
    data, user, password = folder / "data", "mlmagic", uuid.uuid4().hex
    secret = folder / "password"
    secret.write_text(password)
    secret.chmod(0o644)
    made = subprocess.run(
        _as_server(
            [str(programs / "initdb"), "-D", str(data), "-U", user, "--pwfile", str(secret), "--no-sync",
             "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"],
        ),
        cwd="/", capture_output=True, text=True,
    )  # fmt: skip
    if made.returncode:
        raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")
    port = _free_port()
    options = [word for each in settings for word in ("-c", each)]
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            _as_server(
                [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", str(folder),
                 "-h", "127.0.0.1", *options],
            ),
            cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        pid = _wait_until_ready(child, programs, port, folder)
        server = Server(port, user, password, pid, data)
        _make_template(server)
        yield server
    finally:
        _stop(child, data)


def _as_server(command: Sequence[str]) -> list[str]:
    """PostgreSQL refuses to run as root; its package has made a user for it."""
    if os.getuid() != 0:
        return list(command)
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]


def _wait_until_ready(child: subprocess.Popen[bytes], programs: Path, port: int, folder: Path) -> int:
    ask = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    wait_for(
        lambda: child.poll() is not None or not subprocess.run(ask, cwd="/").returncode,
        lambda: f"PostgreSQL:\n{(folder / 'log').read_text()}",
        timeout=_START_SECONDS,
    )
    if child.poll() is not None:
        raise RuntimeError(f"PostgreSQL ended:\n{(folder / 'log').read_text()}")
    return _pid(folder / "data") or child.pid


def _make_template(server: Server) -> None:
    from mlmagic.workspace.connection import Database

    server.execute(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0")
    Database(server.url(_TEMPLATE)).close()


def _stop(child: subprocess.Popen[bytes], data: Path) -> None:
    if _pid(data) is not None:
        _control(data, "stop", "fast")  # sessions are ended, not waited for
    try:
        child.wait(timeout=20)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _control(data: Path, verb: str, mode: str) -> None:
    programs = binaries()
    assert programs is not None
    command = [str(programs / "pg_ctl"), "-D", str(data), "-m", mode, "-w", "-t", "60", verb]
    with (data.parent / "log").open("ab") as log:
        subprocess.run(
            _as_server(command), cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True
        )


def _pid(data: Path) -> int | None:
    """The server's own pid, as it wrote it down."""
    try:
        return int((data / "postmaster.pid").read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A real server, for tests marked `processes`."""
    with running() as server:
        yield server
