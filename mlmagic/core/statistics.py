"""Percentiles and rates of what was measured, each with the interval it is known to within."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEVEL = 0.95
"""Of the confidence intervals."""
_Z = 1.959964
PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
"""The documents' own."""
_T = (0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145)
_PER_DECADE = 20


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


def percentile_interval(ordered: Sequence[float], percent: float) -> Interval:
    """Between which of the values the percentile lies, whatever their distribution.

    How many of n values lie below the p-quantile is binomial; its normal approximation gives two ranks.
    Infinite where so few were measured that the percentile may lie beyond all of them.
    """
    count, share = len(ordered), percent / 100
    if not count:
        return Interval(math.nan, math.nan)
    spread = _Z * math.sqrt(count * share * (1 - share))
    low, high = math.floor(count * share - spread), math.ceil(count * share + spread)
    return Interval(
        ordered[low - 1] if low >= 1 else 0.0,
        ordered[high - 1] if high <= count else math.inf,
    )


def mean_interval(values: Sequence[float]) -> tuple[float, Interval]:
    """The mean of a few measurements (of slices of one, say), and Student's interval of it."""
    count = len(values)
    if not count:
        return math.nan, Interval(math.nan, math.nan)
    mean = sum(values) / count
    if count == 1:
        return mean, Interval(0.0, math.inf)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (count - 1))
    factor = _T[count - 1] if count <= len(_T) else _Z
    half = factor * deviation / math.sqrt(count)
    return mean, Interval(max(0.0, mean - half), mean + half)


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


def slices(times: Sequence[float], seconds: float, count: int) -> list[float]:
    """Events per second in each of ``count`` equal slices of ``seconds``, from the times of the events."""
    found = [0] * count
    width = seconds / count
    for time in times:
        if 0 <= time < seconds:
            found[min(count - 1, int(time / width))] += 1
    return [number / width for number in found]
