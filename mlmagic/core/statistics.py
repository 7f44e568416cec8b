"""Percentiles and rates of measurements, each with its confidence interval."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

LEVEL = 0.95
"""The level of the confidence intervals."""
_Z = 1.959964
PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
"""The percentiles of Azure ML v1's profiles."""
_T = (0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145)
_PER_DECADE = 20
_FEWEST_REACHING = 4
"""Blocks that must reach a percentile; with fewer, a repeated profile may miss it (chance ``exp(-4)``)."""
_MAX_AUTOCORRELATION = 0.8
"""The highest autocorrelation assumed: in a few blocks, a higher one cannot be separated from a trend."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % confidence interval. It is wide where little was measured."""

    low: float
    high: float

    def overlaps(self, other: Interval) -> bool:
        """Whether both intervals may contain the same value."""
        return self.low <= other.high and other.low <= self.high


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The percentile of values in ascending order, by nearest rank; NaN without values."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def percentile_interval(blocks: Sequence[Sequence[float]], percent: float) -> Interval:
    """The confidence interval of a percentile, for any distribution of the values.

    The values come in blocks, in the order of time, because neighbouring latencies are correlated. The width
    follows from how much the share below the percentile differs between blocks (Woodruff's interval for
    clusters, in odds, since shares end at one); it is at least that of independent values. The upper bound is
    infinite if the percentile may lie beyond all values, or if too few blocks reach it.
    """
    ascending = [sorted(block) for block in blocks if block]
    ordered = sorted(chain.from_iterable(ascending))
    count, share = len(ordered), percent / 100
    if not count:
        return Interval(math.nan, math.nan)
    middle = percentile(ordered, percent)
    below = [(bisect_right(block, middle), len(block)) for block in ascending]
    half, variance = _half_width(below), share * (1 - share)
    if half == math.inf:
        return Interval(0.0, math.inf)
    reaching = sum(block[-1] >= middle for block in ascending)
    independent = _Z * math.sqrt(variance / count)
    low = math.floor(count * min(share - independent, _shifted(share, -half / variance)))
    high = math.ceil(count * max(share + independent, _shifted(share, half / variance)))
    return Interval(
        ordered[low - 1] if low >= 1 else 0.0,
        ordered[high - 1] if high <= count and reaching >= _FEWEST_REACHING else math.inf,
    )


def ratio_interval(blocks: Sequence[tuple[float, float]]) -> tuple[float, Interval]:
    """The ratio of two sums over blocks of (counted, measured), such as requests and seconds; its interval.

    Blocks are in the order of time. The interval is Student's, and wider where neighbouring blocks correlate:
    then there are effectively fewer of them. It is infinite for a single block.
    """
    measured = sum(size for _, size in blocks)
    if not measured:
        return math.nan, Interval(math.nan, math.nan)
    ratio = sum(counted for counted, _ in blocks) / measured
    half = max(_half_width(blocks), 1 / measured)  # one more or less may have been counted
    return ratio, Interval(max(0.0, ratio - half), ratio + half)


def _shifted(share: float, by: float) -> float:
    """The share whose odds are ``exp(by)`` times those of ``share``."""
    return share / (share + (1 - share) * math.exp(-by))


def _half_width(blocks: Sequence[tuple[float, float]]) -> float:
    """Half the width of the interval of a ratio of sums; blocks may have different sizes."""
    count, measured = len(blocks), sum(size for _, size in blocks)
    if count < 2:
        return math.inf
    ratio = sum(counted for counted, _ in blocks) / measured
    rests = [counted - ratio * size for counted, size in blocks]
    squares = sum(rest * rest for rest in rests)
    if not squares:
        return 0.0
    factor = _T[count - 1] if count <= len(_T) else _Z
    correlation = _autocorrelation(rests, squares)
    return (
        factor * math.sqrt(squares * count / (count - 1) * (1 + correlation) / (1 - correlation)) / measured
    )


def _autocorrelation(rests: Sequence[float], squares: float) -> float:
    """The autocorrelation of the blocks' deviations at lag 1, at least 0.

    The estimate from n blocks is too low by (1 + 4 times its value) / n: Kendall's correction adds that.
    """
    count, found = len(rests), sum(one * other for one, other in pairwise(rests)) / squares
    corrected = (count * found + 1) / max(count - 4, count / 2)
    return min(max(0.0, corrected), _MAX_AUTOCORRELATION)


def histogram(values: Sequence[float]) -> list[tuple[float, int]]:
    """A histogram on a logarithmic scale: pairs of (upper bound, count), without empty ends."""
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
