"""Whether repeated profiles agree within what they say: `python -m tests.benchmarks.profiles`.

The same small service is profiled several times at two sizes, each time anew, as `%profile` does it. Of every
figure with an interval, each pair of profiles that made the same load is compared: whether the two intervals
overlap; and, which is stricter, whether the difference is within what both together say (the root of the sum
of the squares). The target: 90 of 100 overlap.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.profile import Goal, Load, Profile, ProfilePlan
from mlmagic.core.statistics import Interval
from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location

SCRIPT = (
    "import json\n\n\ndef init():\n    pass\n\n\n"
    "def run(data):\n    return sum(i * i for i in range(json.loads(data)))\n"
)
ROWS = [b"10000", b"20000", b"30000"]
CPUS, MEMORY_GB = (0.5, 1.0), 0.5
KINDS = {"closed": "clients", "open": "at random"}

Key = tuple[float, str, float, str]
"""Cores, kind and level of the load, figure."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A value, and the interval that is said of it."""

    value: float
    interval: Interval

    @property
    def relative_width(self) -> float:
        return (self.interval.high - self.interval.low) / self.value

    def is_within_both(self, other: Figure) -> bool:
        """Whether the difference is no larger than the two intervals say it may be."""
        low, high = sorted((self, other), key=lambda figure: figure.value)
        allowed = math.hypot(low.interval.high - low.value, high.value - high.interval.low)
        return high.value - low.value <= allowed


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=6)
    options.add_argument("--seconds", type=float, help="Of each load, as of %%profile.")
    options.add_argument("--rps", type=float, default=None, help="A goal; else what %%profile takes.")
    given = options.parse_args()
    profiles, taken = [], []
    with tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name:
        engine = Engine(Location.of_folder(Path(name)), use_daemon=False)
        for _ in range(given.runs):
            began = time.monotonic()
            profiles.append(measure(engine, given.seconds, given.rps))
            taken.append(time.monotonic() - began)
        engine.close()
    held = {size.held_by for profile in profiles for size in profile.sizes}
    print(f"{given.runs} profiles of {statistics.median(taken):.0f} s each; held by {', '.join(held)}\n")
    print(table([figures(profile) for profile in profiles]))


def measure(engine: Engine, seconds: float | None, rps: float | None) -> Profile:
    """One profile, from the launch of its services on."""
    plan = ProfilePlan("repeated", CPUS, (MEMORY_GB,), goal=Goal(requests_per_second=rps), seconds=seconds)
    made = engine.profiles.measure(plan, [], InferenceConfig("score.py", script_text=SCRIPT), ROWS)
    wrong = [size for size in made.sizes if not size.successful]
    if wrong:
        raise RuntimeError(f"not measured: {wrong}")
    return made


def figures(profile: Profile) -> dict[Key, Figure]:
    """All that has an interval."""
    return {
        (size.cpu, load.kind, load.level, name): figure
        for size in profile.sizes
        for load in size.loads
        for name, figure in _of_load(load)
    }


def _of_load(load: Load) -> Iterator[tuple[str, Figure]]:
    if load.kind == "closed":  # else the rate is what was asked for
        yield "requests/s", Figure(load.requests_per_second, _interval(load.rate_interval))
    for percent, value in load.percentiles_ms.items():
        yield f"p{percent}", Figure(value, _interval(load.intervals_ms[percent]))


def _interval(ends: tuple[float, float | None]) -> Interval:
    low, high = ends
    return Interval(low, math.inf if high is None else high)


def table(runs: list[dict[Key, Figure]]) -> str:
    """For each kind of load and figure: how many pairs agree, and how wide the intervals are."""
    pairs: dict[tuple[str, str], list[tuple[Figure, Figure]]] = {}
    for one, other in combinations(runs, 2):
        for key in one.keys() & other.keys():
            pairs.setdefault((key[1], key[3]), []).append((one[key], other[key]))
    lines = [f"{'':24}{'pairs':>8}{'overlap':>10}{'within both':>14}{'width':>10}{'no upper end':>15}"]
    for (kind, name), found in sorted(pairs.items(), key=_in_order):
        lines.append(f"{f'{name}, {KINDS[kind]}':24}" + _row(found))
    every = [pair for found in pairs.values() for pair in found]
    return "\n".join([*lines, f"{'all':24}" + _row(every)])


def _row(pairs: list[tuple[Figure, Figure]]) -> str:
    count = len(pairs)
    overlapping = sum(one.interval.overlaps(other.interval) for one, other in pairs) / count
    within = sum(one.is_within_both(other) for one, other in pairs) / count
    widths = [figure.relative_width for pair in pairs for figure in pair]
    open_ended = sum(map(math.isinf, widths)) / len(widths)
    return f"{count:8}{overlapping:10.2f}{within:14.2f}{statistics.median(widths):10.1%}{open_ended:15.0%}"


def _in_order(item: tuple[tuple[str, str], object]) -> tuple[str, float]:
    (kind, name), _ = item
    return kind, float(name[1:]) if name.startswith("p") else 0.0


if __name__ == "__main__":
    main()
