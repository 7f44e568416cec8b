"""Rows to compare a compiled model with its original on, in groups that are each compared by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy

from mlmagic.engine.compilation.features import Features

COUNT = 1024
"""Rows of a group."""
THRESHOLDS = 4096
LARGE = (1e3, 1e6, 1e12, 1e30)
SEED = 7
UNKNOWN = "mlmagic: unknown category"


@dataclass(frozen=True, slots=True)
class Group:
    """Rows, and what they are in words."""

    name: str
    rows: Any
    scale: float = 1.0
    """By how much the numbers are larger than those of the data."""
    has_nan: bool = False
    has_unknown: bool = False


def groups(features: Features) -> Iterator[Group]:
    """The groups; those of numbers are arrays of float64, or tables if the model takes tables."""
    random = numpy.random.default_rng(SEED)
    usual = _between(features, random, COUNT, wider=0.1)
    if features.sample is not None:
        yield Group("the sample", features.sample)
    made = {
        "rows within the ranges of the data": usual,
        "one row": usual[:1],
        "rows outside the ranges": _between(features, random, COUNT, wider=3),
        "whole numbers": numpy.round(_between(features, random, COUNT, wider=1)),
        "zeros": numpy.zeros((1, features.width)),
    }
    if features.thresholds:
        made["rows at the thresholds"] = _at_thresholds(features, random)
    for name, rows in made.items():
        yield Group(name, _made(features, rows, random))
    if features.columns and not features.by_column:
        import pandas

        yield Group("rows of a table", pandas.DataFrame(usual, columns=features.columns))
    for scale in LARGE:
        large = usual[:64] * random.uniform(0.01, 1, (64, features.width)) * scale
        yield Group(f"numbers that are {scale:g} times as large", _made(features, large, random), scale)
    numbers = [place for place in range(features.width) if place not in features.text]
    if numbers:
        missing = usual[:256].copy()
        hidden = random.random((len(missing), len(numbers))) < 0.3
        missing[:, numbers] = numpy.where(hidden, numpy.nan, missing[:, numbers])
        yield Group("rows with NaN", _made(features, missing, random), has_nan=True)
    if features.categories and features.by_column:
        frame = _made(features, usual[:64], random)
        for place, known in features.categories.items():
            other = UNKNOWN if place in features.text or not known else max(known) + 1
            column = frame.iloc[:, place]
            frame.isetitem(place, [other if number % 2 else each for number, each in enumerate(column)])
        yield Group("rows with unknown categories", frame, has_unknown=True)


def _between(features: Features, random: Any, count: int, wider: float) -> Any:
    low, high = numpy.array([features.range_of(place) for place in range(features.width)]).T
    margin = numpy.maximum(high - low, 1e-3) * wider
    return random.uniform(low - margin, high + margin, (count, features.width))


def _at_thresholds(features: Features, random: Any) -> Any:
    """Rows with a value at a threshold, and just beside it in single and in double precision."""
    pairs = [(place, value) for place, values in features.thresholds.items() for value in values]
    chosen = random.permutation(len(pairs))[: THRESHOLDS // 5]
    rows = _between(features, random, len(chosen) * 5, wider=0)
    for number, which in enumerate(chosen):
        place, value = pairs[which]
        single = numpy.float32(value)
        beside = [
            value,
            numpy.nextafter(value, -numpy.inf),
            numpy.nextafter(value, numpy.inf),
            numpy.nextafter(single, numpy.float32(-numpy.inf)),
            numpy.nextafter(single, numpy.float32(numpy.inf)),
        ]
        rows[5 * number : 5 * number + 5, place] = beside
    return rows


def _made(features: Features, rows: Any, random: Any) -> Any:
    """The rows as the model takes them: an array, or a table with the known categories."""
    if not features.by_column:
        return rows
    import pandas

    frame = pandas.DataFrame(rows, columns=features.columns)
    for place in range(features.width):
        known = features.categories.get(place)
        if known:
            frame.isetitem(place, [known[each] for each in random.integers(0, len(known), len(rows))])
        elif place in features.text:
            frame.isetitem(place, ["text"] * len(rows))
    return frame
