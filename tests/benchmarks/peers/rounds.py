"""The run: rounds over all servers, beginning elsewhere each time; the machine's mood falls on all alike."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.environments import NotInstalled, environment
from tests.benchmarks.peers.load import Failure, Load, check_answers, measure, wait_for_answer
from tests.benchmarks.peers.models import Model
from tests.benchmarks.peers.process import Tree, free_ports, running
from tests.benchmarks.peers.servers import Place, Server

CONNECTIONS = (1, 32)
WARM_UP_S = 1
PATIENCE = 2
"""A server is left out after so many failures."""

Figures = dict[str, Any]
"""Of one server: ``rounds``, a list of figures by name; ``cold_s``, a list; and ``failures``, in words."""


@dataclass(frozen=True)
class Plan:
    """How often and how long."""

    rounds: int
    seconds: int
    starts: int


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
        server.name: {"rounds": [], "cold_s": [], "failures": []} for server in stand.servers
    }
    for server in stand.servers:
        if server.requirements in stand.missing:
            found[server.name]["failures"] = [stand.missing[server.requirements]] * PATIENCE
    for number in range(max(plan.rounds, plan.starts)):
        for server in _turned(stand.servers, number):
            figures = found[server.name]
            if len(figures["failures"]) >= PATIENCE:
                continue
            loads = number < plan.rounds
            try:
                seen = _visit(server, stand, model, plan.seconds if loads else 0, folder)
            except (Failure, OSError) as error:
                figures["failures"].append(str(error))
                seen = {"failed": str(error)}
            figures["cold_s"].append(seen.get("cold_s"))
            if loads:
                figures["rounds"].append(None if "failed" in seen else seen)
            print(f"{model.name} {number + 1}: {server.name:32}{_line(seen)}", flush=True)
    return found


def _turned(servers: list[Server], number: int) -> Iterator[Server]:
    """All of them, beginning elsewhere each time."""
    first = number * 5 % len(servers)
    yield from servers[first:]
    yield from servers[:first]


def _visit(server: Server, stand: Stand, model: Model, seconds: int, folder: Path) -> Figures:
    """Start it, see that it is right, load it, end it. With no seconds, only start it."""
    place = _place(server, stand.environments[server.requirements], model, folder)
    server.prepare(place)
    started = time.perf_counter()
    with running(server, place) as tree:
        figures: Figures = {"cold_s": wait_for_answer(server, tree, place.ports[0], model, started)}
        if seconds:
            check_answers(server, place.ports[0], model)
            for load, connections in _loads(server, tree, place, seconds):
                figures |= {f"{what}_{connections}": value for what, value in vars(load).items()}
            figures["pss_mb"] = tree.pss_mb()
    return figures


def _loads(server: Server, tree: Tree, place: Place, seconds: int) -> Iterator[tuple[Load, int]]:
    for connections in CONNECTIONS:
        for duration in (WARM_UP_S, seconds):
            load = measure(server, tree, place, connections, duration)
        yield load, connections


def _place(server: Server, environment: Path, model: Model, folder: Path) -> Place:
    own = folder / f"{model.name}-{''.join(c if c.isalnum() else '-' for c in server.name)}"
    own.mkdir(exist_ok=True)
    return Place(environment, model, own, free_ports(3))


def _line(seen: Figures) -> str:
    if "failed" in seen:
        return f"failed: {seen['failed'][:100]}"
    text = f"first 200 in {seen['cold_s']:.2f} s"
    if "rps_32" in seen:
        text += f", {seen['rps_1']:.0f} and {seen['rps_32']:.0f} requests/s"
    return text
