"""Tables of batch jobs in the script's process: results as Arrow's bytes, steps through a row group."""

from __future__ import annotations

from typing import Any

import numpy
import pandas
import pyarrow
import pytest

from mlmagic.scoring.batch.results import ENCODERS
from mlmagic.scoring.batch.tables import MOST_AT_ONCE, STEP_BYTES, step_rows


def encoded(result: Any, kept: Any = None) -> tuple[int, dict[str, list[Any]]]:
    """The number of results, and what their bytes say."""
    count, content = ENCODERS["table"]([]).encode(result, kept)
    return count, pyarrow.ipc.open_stream(content).read_all().to_pydict()


@pytest.mark.parametrize(
    ("result", "columns"),
    [
        (numpy.array([1.5, numpy.nan]), {"prediction": [1.5, None]}),
        (numpy.array([[1], [2]], "int8"), {"prediction": [1, 2]}),
        (numpy.array([[1.0, 2.0]], "float32"), {"prediction_0": [1.0], "prediction_1": [2.0]}),
        (numpy.array([True, False]), {"prediction": [True, False]}),
        (numpy.zeros((2, 3)).T[:, 1], {"prediction": [0.0] * 3}),
        (numpy.array(["a", None], object), {"prediction": ["a", None]}),
        (numpy.ma.masked_array([1, 2], mask=[False, True]), {"prediction": [1.0, None]}),
        (numpy.zeros((1, 1, 2)), {"prediction": [[[0.0, 0.0]]]}),
        (pandas.Series([1, 2], name="score"), {"score": [1, 2]}),
        ([{"a": 1}, {"a": 2}], {"a": [1, 2]}),
    ],
)
def test_a_column_for_each_value_of_a_row(result: Any, columns: dict[str, list[Any]]) -> None:
    assert encoded(result) == (len(result), columns)


def test_rows_without_values_are_counted() -> None:
    assert encoded(numpy.zeros((2, 0))) == (2, {})


def test_columns_that_are_kept_stand_in_front() -> None:
    kept = pandas.DataFrame({"id": [7, 8]})
    assert encoded(numpy.array([0.5, 1.5]), kept) == (2, {"id": [7, 8], "prediction": [0.5, 1.5]})


@pytest.mark.parametrize(
    ("rows", "group_rows", "group_bytes", "expected"),
    [
        (200, 1000, STEP_BYTES, 1000),
        (10, 1000, STEP_BYTES, 10 * MOST_AT_ONCE),
        (300, 1000, STEP_BYTES, 900),
        (300, 1000, 4 * STEP_BYTES, 300),
        (5000, 1000, 4 * STEP_BYTES, 5000),
        (10, 1000, 0, 10 * MOST_AT_ONCE),
        (0, 0, 0, 1),
    ],
)
def test_a_step_is_some_mini_batches(rows: int, group_rows: int, group_bytes: int, expected: int) -> None:
    assert step_rows(rows, group_rows, group_bytes) == expected
