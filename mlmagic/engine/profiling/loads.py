"""The loads of a profile: which come next, and what the loader told of one."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from mlmagic.core.profile import Failure, Goal, Load
from mlmagic.core.profile_record import finite
from mlmagic.core.statistics import (
    PERCENTILES,
    histogram,
    mean_interval,
    percentile,
    percentile_interval,
    slices,
)
from mlmagic.errors import LaunchFailed
from mlmagic.targets.checkout import python_path

GAIN = 1.05
"""More clients are tried as long as they bring a twentieth more."""
OPEN_SHARE = 0.7
"""Of the capacity: how loaded a service is where no goal says it."""
MOST_AT_RANDOM = 4000.0
"""Requests per second, where no goal says more: beyond, it is the client's own delays that are measured."""
SLICES = 10
FEWEST = 20
"""Requests that the first load makes at least, and each row once."""


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
    rate = goal.requests_per_second or min(OPEN_SHARE * capacity, MOST_AT_RANDOM)
    return Asked("open", rate, seconds) if rate > 0 else None


def load_of(told: Mapping[str, Any]) -> tuple[Load, list[Failure]]:
    """What the loader told, summed up."""
    milliseconds = sorted(1000 * seconds for seconds in told["latencies"])
    seconds = float(told["seconds"])
    rate, interval = mean_interval(slices(told["ends"], seconds, SLICES))
    load = Load(
        told["kind"],
        told["level"],
        seconds,
        told["asked"],
        len(milliseconds),
        rate,
        (interval.low, interval.high),
        sum(milliseconds) / len(milliseconds) if milliseconds else 0.0,
        {f"{p:g}": percentile(milliseconds, p) for p in PERCENTILES} if milliseconds else {},
        {f"{p:g}": _ends(milliseconds, p) for p in PERCENTILES} if milliseconds else {},
        tuple(histogram(milliseconds)),
        told["client_cores"],
    )
    return load, [Failure(status, body, count, row) for status, body, count, row in told["failures"]]


def _ends(ordered: Sequence[float], percent: float) -> tuple[float, float | None]:
    interval = percentile_interval(ordered, percent)
    return interval.low, finite(interval.high)


class LoaderProcess:
    """The loader, started for one load after another; `run` may be interrupted."""

    def __init__(self, url: str, rows: Sequence[bytes]) -> None:
        parts = urlsplit(url)
        self._order = {
            "host": parts.hostname,
            "port": parts.port,
            "path": f"{parts.path.rstrip('/')}/score",
            "rows": [base64.b64encode(row).decode("ascii") for row in rows],
        }

    def run(self, load: Asked, while_waiting: Callable[[], None], poll: float = 0.1) -> Mapping[str, Any]:
        """Make one load; ``while_waiting`` is called every ``poll`` seconds. Raises `LaunchFailed`."""
        order = {
            **self._order,
            "parent": os.getpid(),
            "loads": [asdict(load)],
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "mlmagic.engine.profiling.loader"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": python_path()},
            text=True,
        )
        try:
            given: str | None = json.dumps(order) + "\n"
            while True:
                try:
                    told, words = process.communicate(given, timeout=poll)
                    break
                except subprocess.TimeoutExpired:
                    given = None
                    while_waiting()
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        if process.returncode or not told:
            raise LaunchFailed("profile", "the loader has ended without an answer", log=words[-2000:])
        answer: Mapping[str, Any] = json.loads(told.splitlines()[-1])
        return answer


def total_steps(concurrencies: Sequence[int]) -> int:
    """How many loads one size may take, for telling the time that remains."""
    return len(set(concurrencies)) + 1
