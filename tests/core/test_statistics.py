"""Percentiles, rates and their intervals."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

from mlmagic.core.statistics import (
    Interval,
    histogram,
    mean_interval,
    percentile,
    percentile_interval,
    slices,
)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([1.0], 99.9, 1.0),
        ([1.0, 2.0, 3.0, 4.0], 50, 2.0),
        ([float(i) for i in range(1, 101)], 99, 99.0),
        ([float(i) for i in range(1, 101)], 99.9, 100.0),
        ([float(i) for i in range(1, 101)], 0, 1.0),
    ],
)
def test_percentile_is_the_nearest_rank(values: list[float], percent: float, expected: float) -> None:
    assert percentile(values, percent) == expected


def test_of_nothing_there_is_no_percentile() -> None:
    assert math.isnan(percentile([], 50))
    assert math.isnan(percentile_interval([], 50).low)


def test_the_interval_holds_the_true_percentile_as_often_as_it_says() -> None:
    chance = random.Random(1)
    held = 0
    for _ in range(400):
        values = sorted(chance.expovariate(1.0) for _ in range(300))
        interval = percentile_interval(values, 90)
        held += interval.low <= math.log(10) <= interval.high
    assert 0.92 <= held / 400 <= 0.99


def test_too_few_values_leave_the_tail_open() -> None:
    assert percentile_interval([1.0, 2.0, 3.0], 99.9).high == math.inf


def test_the_interval_of_a_mean_narrows_with_agreement() -> None:
    mean, wide = mean_interval([90.0, 110.0])
    assert mean == 100
    _, narrow = mean_interval([99.0, 101.0] * 5)
    assert wide.low <= narrow.low < 100 < narrow.high <= wide.high
    assert mean_interval([5.0])[1] == Interval(0.0, math.inf)
    assert mean_interval([100.0] * 40)[1] == Interval(100.0, 100.0)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [((1, 2), (2, 3), True), ((1, 2), (2.1, 3), False), ((1, 5), (2, 3), True)],
)
def test_intervals_overlap(one: tuple[float, float], other: tuple[float, float], expected: bool) -> None:
    assert Interval(*one).overlaps(Interval(*other)) is expected
    assert Interval(*other).overlaps(Interval(*one)) is expected


def test_a_histogram_counts_all_and_has_no_gaps() -> None:
    buckets = histogram([0.1, 0.1, 1.0, 10.0])
    assert sum(count for _, count in buckets) == 4
    ratios = [later / earlier for (earlier, _), (later, _) in pairwise(buckets)]
    assert ratios == pytest.approx([10 ** (1 / 20)] * len(ratios))
    assert histogram([]) == []


def test_slices_are_rates() -> None:
    assert slices([0.1, 0.2, 1.9, 2.5, -1], 2.0, 2) == [2.0, 1.0]
