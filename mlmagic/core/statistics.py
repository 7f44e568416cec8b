"""Percentiles and rates of what was measured, each with the interval it is known to within."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

LEVEL = 0.95
"""Of the confidence intervals."""
_Z = 1.959964
PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
"""The documents' own."""
_T = (0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145)
_PER_DECADE = 20
_FEWEST_REACHING = 4
"""Blocks with what is rare: of a rarer thing, another profile sees nothing with a chance of ``exp(-4)``."""
_MOST_ALIKE = 0.8
"""Autocorrelation of blocks: of a few, more cannot be told from a trend."""


@dataclass(frozen=True, slots=True)
class Interval:
    """What a value is known to lie between, with 95 % confidence. Wide where little was measured."""

    low: float
    high: float

    def overlaps(self, other: Interval) -> bool:
        """Whether both may be of the same value."""
        return self.low <= other.high and other.low <= self.high


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Of values in ascending order: the smallest that ``percent`` % of them do not exceed (nearest rank)."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def percentile_interval(blocks: Sequence[Sequence[float]], percent: float) -> Interval:
    """Between which of the values the percentile lies, whatever their distribution.

    The values come in blocks, in the order of time: those of one are alike, for what slows one slows its
    neighbours. So how far the share below the percentile differs from block to block says how well it is
    known (Woodruff's interval for clusters, of the odds, as shares end at one); at best it is known as well
    as from independent values. Infinite where so few were measured that the percentile may lie beyond all of
    them, and where so few blocks reach it that another time it might be none.
    """
    ordered = sorted(value for block in blocks for value in block)
    count, share = len(ordered), percent / 100
    if not count:
        return Interval(math.nan, math.nan)
    middle = percentile(ordered, percent)
    below = [(sum(value <= middle for value in block), len(block)) for block in blocks if block]
    half, variance = _half_width(below), share * (1 - share)
    if half == math.inf:
        return Interval(0.0, math.inf)
    reaching = sum(any(value >= middle for value in block) for block in blocks)
    independent = _Z * math.sqrt(variance / count)
    low = math.floor(count * min(share - independent, _shifted(share, -half / variance)))
    high = math.ceil(count * max(share + independent, _shifted(share, half / variance)))
    return Interval(
        ordered[low - 1] if low >= 1 else 0.0,
        ordered[high - 1] if high <= count and reaching >= _FEWEST_REACHING else math.inf,
    )


def ratio_interval(blocks: Sequence[tuple[float, float]]) -> tuple[float, Interval]:
    """Of (counted, measured) in each block, such as requests and seconds: the sums' ratio, and its interval.

    Blocks are in the order of time. The interval is Student's, by how far they differ, and wider where
    neighbours are alike: then there are fewer of them than it seems. Infinite for one alone.
    """
    measured = sum(size for _, size in blocks)
    if not measured:
        return math.nan, Interval(math.nan, math.nan)
    ratio = sum(counted for counted, _ in blocks) / measured
    half = max(_half_width(blocks), 1 / measured)  # one more or less may have been counted
    return ratio, Interval(max(0.0, ratio - half), ratio + half)


def _shifted(share: float, by: float) -> float:
    """A share whose odds are ``exp(by)`` times as high."""
    return share / (share + (1 - share) * math.exp(-by))


def _half_width(blocks: Sequence[tuple[float, float]]) -> float:
    """Of the interval of a ratio of sums; blocks may be of different sizes."""
    count, measured = len(blocks), sum(size for _, size in blocks)
    if count < 2:
        return math.inf
    ratio = sum(counted for counted, _ in blocks) / measured
    rests = [counted - ratio * size for counted, size in blocks]
    squares = sum(rest * rest for rest in rests)
    if not squares:
        return 0.0
    factor = _T[count - 1] if count <= len(_T) else _Z
    alike = _likeness(rests, squares)
    return factor * math.sqrt(squares * count / (count - 1) * (1 + alike) / (1 - alike)) / measured


def _likeness(rests: Sequence[float], squares: float) -> float:
    """How much each block's deviation is like the one before: their autocorrelation, where there is any.

    That of n blocks comes out too low, by (1 + 4 times what it is) / n: Kendall's correction.
    """
    count, found = len(rests), sum(one * other for one, other in pairwise(rests)) / squares
    corrected = (count * found + 1) / max(count - 4, count / 2)
    return min(max(0.0, corrected), _MOST_ALIKE)


def histogram(values: Sequence[float]) -> list[tuple[float, int]]:
    """How many lie in each bucket of a logarithmic scale: (upper bound, count), without empty ends."""
    if not values:
        return []
    buckets: dict[int, int] = {}
    for value in values:
        bucket = math.ceil(math.log10(max(value, 1e-9)) * _PER_DECADE)
        buckets[bucket] = buckets.get(bucket, 0) + 1
    return [
        (10 ** (bucket / _PER_DECADE), buckets.get(bucket, 0))
        for bucket in range(min(buckets), max(buckets) + 1)
    ]
