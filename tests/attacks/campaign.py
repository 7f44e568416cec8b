"""All attacks in their order, and each one's share of the time."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from mlmagic.workspace.location import Location
from tests.attacks.interruptions import Action
from tests.attacks.kills import Attack
from tests.attacks.tally import Budget, Tally
from tests.support import postgresql
from tests.support.answering import Answering

MOST_TRIES = 10_000
SHARES = (
    ("kill -9, SQLite", Action.KILL, False, 0.5),
    ("kill -9, PostgreSQL", Action.KILL, True, 0.25),
    ("an operation fails, SQLite", Action.FAIL, False, 0.25),
)
"""Name, what happens, whether the rows are on a PostgreSQL server, and the share of the time."""


def run(seed: int, seconds: float) -> list[Tally]:
    """Run every attack; returns their tallies."""
    tallies = []
    with ExitStack() as stack:
        url = stack.enter_context(answering())
        server = stack.enter_context(postgresql.running())
        for name, action, on_server, share in SHARES:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlmagic-attacked-")))
            location = Location.of_folder(folder / "workspace")
            if on_server:
                location = replace(location, database_url=server.new_database())
            tallies.append(interrupt(Tally(name), location, url, action, seed, seconds * share))
    return tallies


def interrupt(
    tally: Tally,
    location: Location,
    url: str,
    action: Action,
    seed: int,
    seconds: float,
) -> Tally:
    """Interrupt verbs in one workspace; ``url`` answers as its services do."""
    began = time.monotonic()
    Attack(location, url, action, seed, tally).go_on(Budget(seconds, MOST_TRIES))
    tally.seconds = time.monotonic() - began
    return tally


@contextmanager
def answering() -> Iterator[str]:
    """The URL of a server that answers as a healthy service does, in a process without threads of ours."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, Answering().url.encode())
        os.close(writer)
        while os.getppid() != 1:
            time.sleep(1)
        os._exit(0)
    os.close(writer)
    try:
        yield os.read(reader, 100).decode()
    finally:
        os.close(reader)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
