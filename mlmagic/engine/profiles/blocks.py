"""Results of one load: the load generator's reports, cut into blocks of time and summed up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlmagic.core.profile import Failure, Load
from mlmagic.core.profile_record import finite
from mlmagic.core.statistics import PERCENTILES, histogram, percentile, percentile_interval, ratio_interval

BLOCKS = 8
"""The number of blocks of a load."""
FEWEST_IN_BLOCK = 5
"""The fewest answers in a block; a smaller block would be mostly noise."""


@dataclass(frozen=True, slots=True)
class Block:
    """The answers in one interval of time."""

    seconds: float
    milliseconds: tuple[float, ...]
    """The latency of each answer."""


def cut(report: Mapping[str, Any], seconds: float) -> Iterator[Block]:
    """Cut a round into blocks of about ``seconds``, or longer ones if there are few answers."""
    latencies, whole = report["latencies"], float(report["seconds"])
    count = max(1, min(round(whole / seconds), len(latencies) // FEWEST_IN_BLOCK))
    parts: list[list[float]] = [[] for _ in range(count)]
    for latency, end in zip(latencies, report["ends"], strict=True):
        parts[min(count - 1, int(end / whole * count))].append(1000 * latency)
    return (Block(whole / count, tuple(part)) for part in parts)


def load_of(
    kind: str, level: float, rounds: Sequence[Mapping[str, Any]], seconds: float
) -> tuple[Load, list[Failure]]:
    """Sum up the rounds of a load that takes ``seconds`` in all; returns it with its failures."""
    blocks = [block for report in rounds for block in cut(report, seconds / BLOCKS)]
    latencies = [block.milliseconds for block in blocks]
    ordered = sorted(one for block in latencies for one in block)
    taken = sum(block.seconds for block in blocks)
    rate, interval = ratio_interval([(len(block.milliseconds), block.seconds) for block in blocks])
    load = Load(
        kind,
        level,
        taken,
        sum(report["asked"] for report in rounds),
        len(ordered),
        rate,
        (interval.low, finite(interval.high)),
        sum(ordered) / len(ordered) if ordered else 0.0,
        {f"{p:g}": percentile(ordered, p) for p in PERCENTILES} if ordered else {},
        {f"{p:g}": _ends(latencies, p) for p in PERCENTILES} if ordered else {},
        tuple(histogram(ordered)),
        sum(report["client_cores"] * report["seconds"] for report in rounds) / taken,
    )
    failures = [Failure(*each) for report in rounds for each in report["failures"]]
    return load, failures


def _ends(blocks: Sequence[Sequence[float]], percent: float) -> tuple[float, float | None]:
    interval = percentile_interval(blocks, percent)
    return interval.low, finite(interval.high)
