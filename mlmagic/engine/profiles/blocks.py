"""What the loader told of one load, turn after turn: cut into blocks of time, and summed up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlmagic.core.profile import Failure, Load
from mlmagic.core.profile_record import finite
from mlmagic.core.statistics import PERCENTILES, histogram, percentile, percentile_interval, ratio_interval

BLOCKS = 8
"""That a load's time is cut into."""
FEWEST_IN_BLOCK = 5
"""Answers: of fewer, a block says little."""


@dataclass(frozen=True, slots=True)
class Block:
    """What was answered in one stretch of time."""

    seconds: float
    milliseconds: tuple[float, ...]
    """How long each answer took."""


def cut(told: Mapping[str, Any], seconds: float) -> Iterator[Block]:
    """A turn in blocks of about ``seconds``, or longer ones where little was answered."""
    latencies, whole = told["latencies"], float(told["seconds"])
    count = max(1, min(round(whole / seconds), len(latencies) // FEWEST_IN_BLOCK))
    parts: list[list[float]] = [[] for _ in range(count)]
    for latency, end in zip(latencies, told["ends"], strict=True):
        parts[min(count - 1, int(end / whole * count))].append(1000 * latency)
    return (Block(whole / count, tuple(part)) for part in parts)


def load_of(
    kind: str, level: float, turns: Sequence[Mapping[str, Any]], seconds: float
) -> tuple[Load, list[Failure]]:
    """The turns of a load that is to take so many ``seconds``, summed up."""
    blocks = [block for told in turns for block in cut(told, seconds / BLOCKS)]
    latencies = [block.milliseconds for block in blocks]
    ordered = sorted(one for block in latencies for one in block)
    taken = sum(block.seconds for block in blocks)
    rate, interval = ratio_interval([(len(block.milliseconds), block.seconds) for block in blocks])
    load = Load(
        kind,
        level,
        taken,
        sum(told["asked"] for told in turns),
        len(ordered),
        rate,
        (interval.low, finite(interval.high)),
        sum(ordered) / len(ordered) if ordered else 0.0,
        {f"{p:g}": percentile(ordered, p) for p in PERCENTILES} if ordered else {},
        {f"{p:g}": _ends(latencies, p) for p in PERCENTILES} if ordered else {},
        tuple(histogram(ordered)),
        sum(told["client_cores"] * told["seconds"] for told in turns) / taken,
    )
    failures = [Failure(*each) for told in turns for each in told["failures"]]
    return load, failures


def _ends(blocks: Sequence[Sequence[float]], percent: float) -> tuple[float, float | None]:
    interval = percentile_interval(blocks, percent)
    return interval.low, finite(interval.high)
