"""All attacks in their order, and each one's share of the time."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import signal
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import hypothesis
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from mlmagic.workspace.location import Location
from tests.attacks.interruptions import Action
from tests.attacks.kills import Attack
from tests.attacks.random_verbs import RandomVerbs
from tests.attacks.service_kills import ServiceKills
from tests.attacks.tally import Budget, Tally
from tests.support import postgresql
from tests.support.answering import Answering

MOST_TRIES = 10_000
SHARES = (
    ("kill -9, SQLite", Action.KILL, False, 0.45),
    ("kill -9, PostgreSQL", Action.KILL, True, 0.25),
    ("an operation fails, SQLite", Action.FAIL, False, 0.1),
)
"""Name, what happens, whether the rows are on a PostgreSQL server, and the share of the time."""
SHARE_OF_SERVICES, SHARE_OF_VERBS = 0.15, 0.05
"""Of the kills of processes behind services, and of the random verbs. They come last: they have threads, and
this process may not fork any more."""
EXAMPLES, STEPS = 5, 25
"""So many random examples of so many verbs at most, for each seed of Hypothesis."""


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
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlmagic-attacked-")))
        tally = Tally("kill -9 of server, zygote, daemon and kernel")
        tallies.append(kill_services(tally, folder / "workspace", seed, seconds * SHARE_OF_SERVICES))
        tallies.append(try_verbs(Tally("random verbs, in memory"), seed, seconds * SHARE_OF_VERBS))
    return tallies


def kill_services(tally: Tally, folder: Path, seed: int, seconds: float) -> Tally:
    """Kill the processes behind services in a new workspace in ``folder``."""
    began = time.monotonic()
    ServiceKills(folder, seed, tally).go_on(Budget(seconds, MOST_TRIES))
    tally.seconds = time.monotonic() - began
    return tally


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


def try_verbs(tally: Tally, seed: int, seconds: float) -> Tally:
    """Carry out random verbs; a failure is shown with its shortest example."""
    began = time.monotonic()
    budget, number = Budget(seconds, MOST_TRIES), itertools.count(seed * 1_000_000)
    bounded = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        database=None,
        deadline=None,
        phases=[Phase.generate],
    )
    RandomVerbs.steps.clear()
    while budget.allows(tally.tried) and not tally.lost:
        at = next(number)
        seeded = hypothesis.seed(at)(type("Seeded", (RandomVerbs,), {}))
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                run_state_machine_as_test(seeded, settings=bounded)
        except Exception as error:
            notes = getattr(error, "__notes__", [])
            tally.lost.append(f"Hypothesis seed {at}: {error!r}")
            example = [line for note in notes for line in note.splitlines() if "_are_" not in line]
            tally.figures.append("\n".join([traceback.format_exc()[-3000:], *example]))
        tally.tried = sum(RandomVerbs.steps.values())
    tally.figures.append(", ".join(f"{count} {verb}" for verb, count in sorted(RandomVerbs.steps.items())))
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
