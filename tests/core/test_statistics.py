"""Percentiles, rates and their intervals."""

from __future__ import annotations

import functools
import math
import random
from itertools import pairwise

import pytest

from mlmagic.core.statistics import (
    Interval,
    histogram,
    percentile,
    percentile_interval,
    ratio_interval,
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


@functools.cache
def measurements(likeness: float, noise: float) -> list[list[list[float]]]:
    """200 times eight blocks of a hundred latencies; the machine's mood in each block is much like that in
    the block before.
    """
    chance, measured = random.Random(1), []
    for _ in range(200):
        mood, blocks = chance.gauss(0, 1), []
        for _ in range(8):
            mood = likeness * mood + math.sqrt(1 - likeness**2) * chance.gauss(0, 1)
            speed = math.exp(noise * mood)
            blocks.append([speed * chance.expovariate(1.0) for _ in range(100)])
        measured.append(blocks)
    return measured


@functools.cache
def population(noise: float) -> list[float]:
    """Latencies over all moods, in ascending order."""
    chance = random.Random(7)
    return sorted(math.exp(noise * chance.gauss(0, 1)) * chance.expovariate(1.0) for _ in range(50_000))


@pytest.mark.together
@pytest.mark.parametrize("percent", [50, 90, 95])
@pytest.mark.parametrize(
    ("likeness", "noise", "least"),
    [(0.0, 0.0, 0.95), (0.0, 0.3, 0.91), (0.4, 0.3, 0.88), (0.6, 0.3, 0.83)],
)
def test_the_interval_holds_the_true_percentile_as_often_as_it_says(
    percent: float, likeness: float, noise: float, least: float
) -> None:
    true, measured = percentile(population(noise), percent), measurements(likeness, noise)
    intervals = [percentile_interval(blocks, percent) for blocks in measured]
    assert sum(each.low <= true <= each.high for each in intervals) / 200 >= least


@pytest.mark.together
@pytest.mark.parametrize("percent", [50, 90, 95])
@pytest.mark.parametrize("likeness", [0.0, 0.4, 0.6])
def test_latencies_taken_as_independent_give_an_interval_that_is_too_narrow(
    percent: float, likeness: float
) -> None:
    true, held = percentile(population(0.3), percent), 0
    for blocks in measurements(likeness, 0.3)[:100]:
        alone = percentile_interval([[value] for block in blocks for value in block], percent)
        held += alone.low <= true <= alone.high
    assert held / 100 < 0.75


@pytest.mark.parametrize(("likeness", "least"), [(0.0, 0.94), (0.3, 0.9), (0.6, 0.84)])
def test_the_interval_of_a_rate_holds_it_as_often_as_it_says(likeness: float, least: float) -> None:
    chance = random.Random(2)
    held = 0
    for _ in range(500):
        mood, blocks = chance.gauss(0, 1), []
        for _ in range(8):
            mood = likeness * mood + math.sqrt(1 - likeness**2) * chance.gauss(0, 1)
            seconds = chance.uniform(0.2, 0.3)
            blocks.append((1000 * (1 + 0.2 * mood) * seconds, seconds))
        _, interval = ratio_interval(blocks)
        held += interval.low <= 1000 <= interval.high
    assert held / 500 >= least


def test_too_few_values_leave_the_tail_open() -> None:
    assert percentile_interval([[1.0, 2.0], [3.0, 1.5]], 99.9).high == math.inf


@pytest.mark.parametrize(("slow_blocks", "known"), [(1, False), (3, False), (4, True)])
def test_what_few_blocks_have_may_be_more_another_time(slow_blocks: int, known: bool) -> None:
    chance = random.Random(3)
    quick = [[chance.uniform(1, 2) for _ in range(100)] for _ in range(8)]
    blocks = [
        [*block[:90], *[50.0] * 10] if number < slow_blocks else block for number, block in enumerate(quick)
    ]
    assert math.isfinite(percentile_interval(blocks, 99).high) is known


def test_one_block_says_nothing_of_others() -> None:
    assert percentile_interval([[1.0] * 1000], 50) == Interval(0.0, math.inf)
    assert ratio_interval([(10, 2.0)]) == (5.0, Interval(0.0, math.inf))


def test_a_ratio_is_that_of_the_sums() -> None:
    ratio, interval = ratio_interval([(10, 1.0), (40, 4.0)])
    assert ratio == 10
    assert interval == Interval(10 - 1 / 5, 10 + 1 / 5)  # one request more or less
    assert math.isnan(ratio_interval([])[0])


def test_a_ratio_is_known_the_better_the_more_blocks_agree() -> None:
    few, many = (ratio_interval([(90, 1.0), (110, 1.0)] * count)[1] for count in (1, 6))
    assert few.low <= many.low < 100 < many.high <= few.high
    one, other = [(90, 1.0)] * 4, [(110, 1.0)] * 4
    in_turn = ratio_interval([block for pair in zip(one, other, strict=True) for block in pair])[1]
    drifting = ratio_interval([*one, *other])[1]
    assert drifting.high - 100 > 2 * (in_turn.high - 100)


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
