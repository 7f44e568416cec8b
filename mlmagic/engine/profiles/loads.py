"""The loads of a profile: which come next, for how long; and the process that makes them."""

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

from mlmagic.core.profile import Goal, Load
from mlmagic.errors import LaunchFailed
from mlmagic.targets.python_path import python_path

GAIN = 1.05
"""More clients are tried as long as they bring a twentieth more."""
OPEN_SHARE = 0.7
"""Of the capacity: how loaded a service is where no goal says it."""
_STEPS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
"""Of a decade: about a quarter more each."""
MOST_AT_RANDOM = 4000.0
"""Requests per second, where no goal says more: beyond, it is the client's own delays that are measured."""
FEWEST = 20
"""Requests that the first load makes at least, and each row once."""
FIRST_SHARE = 0.25
"""Of a load's time, in its first turn."""
TURNS = 6
"""After the first: all loads in each, so that what slows the machine for a while slows them all alike."""
_LATENCIES_IN_TURN = {"closed": 5, "open": 25}
"""A turn lasts at least so many. Arrivals at random find the service idle at first, and must forget that."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One load to be made."""

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
) -> Asked | None:
    """The next load after those that are done; None when there is enough.

    One client first, with every row at least once; then more, as long as that brings more; then at random at
    the goal's rate, or at a share of the capacity.
    """
    if any(load.kind == "open" for load in done):
        return None
    ordered = sorted(set(concurrencies))
    if len(done) < len(ordered):
        gains = len(done) < 2 or done[-1].requests_per_second >= done[-2].requests_per_second * GAIN
        if gains:
            return Asked("closed", ordered[len(done)], seconds, 0 if done else max(rows, FEWEST))
    capacity = max(load.requests_per_second for load in done)
    rate = goal.requests_per_second or round_rate(min(OPEN_SHARE * capacity, MOST_AT_RANDOM))
    return Asked("open", rate, seconds) if rate > 0 else None


def round_rate(rate: float) -> float:
    """A round number, at most ``rate``: a profile that is made again asks the same of the service."""
    if rate <= 0:
        return 0.0
    decade = 10.0 ** math.floor(math.log10(rate))
    return max(step * decade for step in _STEPS if step * decade <= rate)


def turns_of(load: Load, seconds: float) -> int:
    """In how many turns after its first a load is best continued: fewer, where answers take long."""
    rest = seconds * (1 - FIRST_SHARE)
    shortest = _LATENCIES_IN_TURN[load.kind] * load.mean_ms / 1000
    return next((turns for turns in (6, 3, 2) if rest / turns >= shortest), 1)


def further_turns(firsts: Sequence[Load], seconds: float) -> list[list[tuple[int, Asked]]]:
    """What comes after the first turn of each load: by turn, which of ``firsts`` are continued, and how.

    A load that has taken its ``seconds`` already, for the sake of all rows, has no more.
    """
    planned = [(load, turns_of(load, seconds)) for load in firsts]
    return [
        [
            (index, Asked(load.kind, load.level, seconds * (1 - FIRST_SHARE) / turns))
            for index, (load, turns) in enumerate(planned)
            if load.seconds < seconds and turn % (TURNS // turns) == 0
        ]
        for turn in range(1, TURNS + 1)
    ]


class LoaderProcess:
    """The loader, started once for one load after another; `run` may be interrupted."""

    def __init__(self, url: str, rows: Sequence[bytes]) -> None:
        parts = urlsplit(url)
        self._order = {
            "host": parts.hostname,
            "port": parts.port,
            "path": f"{parts.path.rstrip('/')}/score",
            "rows": [base64.b64encode(row).decode("ascii") for row in rows],
            "parent": os.getpid(),
        }
        self._told: queue.SimpleQueue[str] = queue.SimpleQueue()

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
        self._say(self._order)
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

    def run(self, load: Asked, while_waiting: Callable[[], None], poll: float = 0.1) -> Mapping[str, Any]:
        """Make one load; ``while_waiting`` is called every ``poll`` seconds. Raises `LaunchFailed`."""
        self._say(asdict(load))
        while True:
            try:
                told = self._told.get(timeout=poll)
                break
            except queue.Empty:
                while_waiting()
        if not told:
            assert self._process.stderr is not None
            words = self._process.stderr.read()
            raise LaunchFailed("profile", "the loader has ended without an answer", log=words[-2000:])
        answer: Mapping[str, Any] = json.loads(told)
        return answer

    def _say(self, order: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended: `run` says so
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        """Each line as it comes; an empty one at the end."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._told.put(line)
        self._told.put("")


def total_steps(concurrencies: Sequence[int]) -> int:
    """How many turns one size may take, for telling the time that remains."""
    return (len(set(concurrencies)) + 1) * (1 + TURNS)
