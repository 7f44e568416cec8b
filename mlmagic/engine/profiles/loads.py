"""The loads of a profile: which one comes next and for how long, and the process that generates them."""

from __future__ import annotations

import base64
import json
import math
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from mlmagic.core.profile import LEAST_SECONDS, Goal, Load
from mlmagic.errors import LaunchFailed
from mlmagic.targets.python_path import python_path

GAIN = 1.05
"""More clients are tried while each step raises the throughput by 5 %."""
OPEN_SHARE = 0.7
"""The share of the capacity at which a service is loaded if there is no goal."""
_STEPS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
"""Round numbers within a decade, each about a quarter above the last."""
MOST_AT_RANDOM = 4000.0
"""The highest rate of requests per second without a goal: above it the client itself is the bottleneck."""
FEWEST = 20
"""The fewest requests of the first load, which also sends each row once."""
FIRST_SHARE = 0.25
"""The share of a load's time in its first round."""
ROUNDS = 6
"""Rounds after the first. Each has all loads, so that a slow phase of the machine affects all alike."""
_LATENCIES_IN_ROUND = {"closed": 5, "open": 25}
"""The shortest round, in mean latencies. An open load needs more: it starts with an idle service."""


@dataclass(frozen=True, slots=True)
class PlannedLoad:
    """One load to run."""

    kind: str
    level: float
    seconds: float
    at_least: int = 0

    def __str__(self) -> str:
        if self.kind == "open":
            return f"{self.level:.3g} requests/s at random"
        return f"{self.level:g} client{'' if self.level == 1 else 's'}"


def wanted_loads(
    concurrencies: Sequence[int], seconds: float, rows: int, goal: Goal, done: Sequence[Load]
) -> PlannedLoad | None:
    """The next load after those that are done; None after the last.

    The first has one client and sends every row at least once. Then come more clients, while that raises the
    throughput; last an open load at the goal's rate, or at a share of the capacity.
    """
    if any(load.kind == "open" for load in done):
        return None
    ordered = sorted(set(concurrencies))
    if len(done) < len(ordered):
        gains = len(done) < 2 or done[-1].requests_per_second >= done[-2].requests_per_second * GAIN
        if gains:
            return PlannedLoad("closed", ordered[len(done)], seconds, 0 if done else max(rows, FEWEST))
    capacity = max(load.requests_per_second for load in done)
    rate = goal.requests_per_second or round_rate(min(OPEN_SHARE * capacity, MOST_AT_RANDOM))
    return PlannedLoad("open", rate, seconds) if rate > 0 else None


def round_rate(rate: float) -> float:
    """A round number, at most ``rate``, so that a repeated profile uses the same load."""
    if rate <= 0:
        return 0.0
    decade = 10.0 ** math.floor(math.log10(rate))
    return max(step * decade for step in _STEPS if step * decade <= rate)


def rounds_of(load: Load, seconds: float) -> int:
    """The number of rounds after a load's first one: fewer for a slow service."""
    rest = seconds * (1 - FIRST_SHARE)
    shortest = _LATENCIES_IN_ROUND[load.kind] * load.mean_ms / 1000
    return next((rounds for rounds in (6, 3, 2) if rest / rounds >= shortest), 1)


def further_rounds(firsts: Sequence[Load], seconds: float) -> list[list[tuple[int, PlannedLoad]]]:
    """Plan the rounds after the first: for each round, indexes of ``firsts`` with the load to run.

    A load whose first round took all ``seconds``, because it sent every row, is not continued.
    """
    planned = [(load, rounds_of(load, seconds)) for load in firsts]
    return [
        [
            (index, PlannedLoad(load.kind, load.level, seconds * (1 - FIRST_SHARE) / rounds))
            for index, (load, rounds) in enumerate(planned)
            if load.seconds < seconds and number % (ROUNDS // rounds) == 0
        ]
        for number in range(1, ROUNDS + 1)
    ]


def still_needed(
    rounds: Sequence[Sequence[tuple[int, PlannedLoad]]], loads: Sequence[Load]
) -> list[list[tuple[int, PlannedLoad]]]:
    """The rounds to come, without the loads that have taken long enough for intervals that are narrow enough.

    ``loads`` are the results so far.
    """
    ended = {n for n, load in enumerate(loads) if load.seconds >= LEAST_SECONDS and load.is_settled}
    remaining = [[each for each in one if each[0] not in ended] for one in rounds]
    return [one for one in remaining if one]


class LoaderProcess:
    """The process of the load generator, started once for all loads; `run` may be interrupted."""

    def __init__(self, url: str, rows: Sequence[bytes], key: str | None = None) -> None:
        parts = urlsplit(url)
        self._order = {
            "host": parts.hostname,
            "port": parts.port,
            "path": f"{parts.path.rstrip('/')}/score",
            "key": key,
            "rows": [base64.b64encode(row).decode("ascii") for row in rows],
            "parent": os.getpid(),
        }
        self._results: queue.SimpleQueue[str] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mlmagic.engine.profiles.loader"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": python_path()},
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._send(self._order)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._reader.join()
        self._process.communicate()  # which closes the pipes

    def run(
        self, load: PlannedLoad, while_waiting: Callable[[], None], poll: float = 0.1
    ) -> Mapping[str, Any]:
        """Run one load; ``while_waiting`` is called every ``poll`` seconds. Raises `LaunchFailed`."""
        self._send(asdict(load))
        while True:
            try:
                line = self._results.get(timeout=poll)
                break
            except queue.Empty:
                while_waiting()
        if not line:
            assert self._process.stderr is not None
            words = self._process.stderr.read()
            raise LaunchFailed("profile", "the load generator ended without a result", log=words[-2000:])
        answer: Mapping[str, Any] = json.loads(line)
        return answer

    def _send(self, order: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended: `run` raises
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        """Queue each line of output; an empty one at the end."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._results.put(line)
        self._results.put("")


def total_steps(concurrencies: Sequence[int]) -> int:
    """The most measurements of one size, to estimate the remaining time."""
    return (len(set(concurrencies)) + 1) * (1 + ROUNDS)
