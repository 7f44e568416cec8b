"""The run: every server in its turn, many times and briefly; the machine's mood falls on all alike.

A shared machine is three times slower in one minute than in the next. So they are started in turn, each
alone; then all run, and in each round all are loaded, one after the other, for a second.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.bare_run import measure_run
from tests.benchmarks.peers.environments import NotInstalled, environment
from tests.benchmarks.peers.load import Failure, check_answers, measure, wait_for_answer
from tests.benchmarks.peers.models import Model
from tests.benchmarks.peers.process import Tree, free_ports, running
from tests.benchmarks.peers.servers import Place, Server

CONNECTIONS = (1, 32)
WARM_UP_S = 1
PATIENCE = 2
"""A server is left out after so many failures."""

Figures = dict[str, Any]
"""Of one server: ``starts`` and ``rounds``, lists of figures by name (None where it failed); and
``failures``, in words."""


@dataclass(frozen=True)
class Plan:
    """How often and how long."""

    rounds: int
    seconds: int
    starts: int
    workers: int = 1
    """Of each server."""


@dataclass(frozen=True)
class Stand:
    """The servers, and the environment of each; or why there is none."""

    servers: list[Server]
    environments: dict[str, Path]
    missing: dict[str, str]

    @classmethod
    def of(cls, servers: Iterable[Server]) -> Stand:
        """With every environment made."""
        stand = cls(list(servers), {}, {})
        for name in dict.fromkeys(server.requirements for server in stand.servers):
            try:
                stand.environments[name] = environment(name)
            except NotInstalled as error:
                stand.missing[name] = f"not installed: {error}"
        return stand


def measure_all(stand: Stand, model: Model, plan: Plan, folder: Path) -> dict[str, Figures]:
    """Figures of every server with one model."""
    found: dict[str, Figures] = {
        server.name: {"starts": [], "rounds": [], "failures": []} for server in stand.servers
    }
    for server in stand.servers:
        if server.requirements in stand.missing:
            found[server.name]["failures"] = [stand.missing[server.requirements]] * PATIENCE
    visits = Visits(stand, model, folder, found, plan.workers)
    for number in range(plan.starts):
        visits.start_each(number)
    visits.load_all(plan)
    return found


class Visits:
    """The servers with one model; what is seen of each is added to ``found``."""

    def __init__(
        self, stand: Stand, model: Model, folder: Path, found: dict[str, Figures], workers: int
    ) -> None:
        self._stand = stand
        self._model = model
        self._folder = folder
        self._found = found
        self._workers = workers

    def start_each(self, number: int) -> None:
        """One after the other, alone: the time to its first answer, and its memory after some more."""
        for server in self._willing(number):
            seen: Figures | None = None
            with self._noting_failures(server):
                place = self._place(server)
                started = time.perf_counter()
                with running(server, place) as tree:
                    cold_s = wait_for_answer(server, tree, place.ports[0], self._model, started)
                    check_answers(server, place.ports[0], self._model)
                    measure(server, tree, place, max(CONNECTIONS), WARM_UP_S)
                    seen = {"cold_s": cold_s, "pss_mb": tree.pss_mb()}
                if self._workers == 1:
                    seen["run_us"] = measure_run(server, place)
            self._found[server.name]["starts"].append(seen)
            self._tell("start", number, server, seen)

    def load_all(self, plan: Plan) -> None:
        """All of them run; each is loaded for a moment in its turn, again and again."""
        with contextlib.ExitStack() as stack:
            trees: dict[str, tuple[Tree, Place]] = {}
            for server in self._willing(0):
                with self._noting_failures(server):
                    trees[server.name] = self._warm(server, stack)
            for number in range(plan.rounds):
                for server in self._willing(number):
                    if server.name not in trees:
                        continue
                    seen: Figures | None = None
                    with self._noting_failures(server):
                        seen = self._load(server, *trees[server.name], plan.seconds)
                    self._found[server.name]["rounds"].append(seen)
                    self._tell("load", number, server, seen)

    def _warm(self, server: Server, stack: contextlib.ExitStack) -> tuple[Tree, Place]:
        place = self._place(server)
        started = time.perf_counter()
        tree = stack.enter_context(running(server, place))
        wait_for_answer(server, tree, place.ports[0], self._model, started)
        self._load(server, tree, place, WARM_UP_S)
        return tree, place

    def _load(self, server: Server, tree: Tree, place: Place, seconds: int) -> Figures:
        figures: Figures = {}
        for connections in CONNECTIONS:
            load = measure(server, tree, place, connections, seconds)
            figures |= {f"{what}_{connections}": value for what, value in vars(load).items()}
        return figures

    def _willing(self, number: int) -> list[Server]:
        """Those that did not fail too often, in another order each time."""
        servers = [each for each in self._stand.servers if len(self._failures(each)) < PATIENCE]
        random.Random(number).shuffle(servers)
        return servers

    def _failures(self, server: Server) -> list[str]:
        failures: list[str] = self._found[server.name]["failures"]
        return failures

    @contextlib.contextmanager
    def _noting_failures(self, server: Server) -> Iterator[None]:
        try:
            yield
        except (Failure, OSError) as error:
            self._failures(server).append(str(error))

    def _place(self, server: Server) -> Place:
        own = self._folder / f"{self._model.name}-{''.join(c if c.isalnum() else '-' for c in server.name)}"
        own.mkdir(exist_ok=True)
        environment = self._stand.environments[server.requirements]
        place = Place(environment, self._model, own, free_ports(3), self._workers)
        server.prepare(place)
        return place

    def _tell(self, what: str, number: int, server: Server, seen: Figures | None) -> None:
        if seen is None:
            text = f"failed: {self._failures(server)[-1][:100]}"
        elif what == "start":
            text = f"first 200 in {seen['cold_s']:.2f} s, {seen['pss_mb']:.0f} MB"
        else:
            text = f"{seen['rps_1']:.0f} and {seen['rps_32']:.0f} requests/s"
        print(f"{self._model.name} {what} {number + 1}: {server.name:32}{text}", flush=True)
