"""Bodies as tables."""

from __future__ import annotations

from typing import Any

import pytest

from mlmagic.scoring.collection.tables import body_of, csv_table, prediction_of, table_of

TENSOR = {"name": "x", "shape": [2], "datatype": "INT64", "data": [1, 2]}
WIDE = {"name": "x", "shape": [2, 2], "datatype": "FP64", "data": [[1.0, 2.0], [3.0, 4.0]]}


@pytest.mark.parametrize(
    ("value", "names", "rows", "named"),
    [
        ({"a": 1, "b": "x"}, ["a", "b"], [[1, "x"]], True),
        ([{"a": 1}, {"b": 2}], ["a", "b"], [[1, None], [None, 2]], True),
        ({"data": [{"a": 1}, {"a": 2}]}, ["a"], [[1], [2]], True),
        ({"data": [[1, 2], [3, 4]]}, ["column_0", "column_1"], [[1, 2], [3, 4]], False),
        ({"data": [1, 2]}, ["column_0", "column_1"], [[1, 2]], False),
        ({"a/b~c": {"data": [[1]]}}, ["column_0"], [[1]], False),
        ({"Inputs": {"data": [[1]]}}, ["column_0"], [[1]], False),
        ({"columns": ["a"], "data": [[1], [2]]}, ["a"], [[1], [2]], True),
        ({"input_data": {"columns": ["a"], "index": [0], "data": [[1]]}}, ["a"], [[1]], True),
        ({"a": [1, 2], "b": [3, 4]}, ["a", "b"], [[1, 3], [2, 4]], True),
        ({"inputs": [TENSOR, {**TENSOR, "name": "y"}]}, ["x", "y"], [[1, 1], [2, 2]], True),
        ({"id": "7", "inputs": [WIDE]}, ["x_0", "x_1"], [[1.0, 2.0], [3.0, 4.0]], False),
    ],
)
def test_values_that_are_tables(value: Any, names: list[str], rows: list[Any], named: bool) -> None:
    found = table_of(value)
    assert found is not None
    assert found[:3] == (names, rows, named)
    if found.form:
        again = body_of(found.form, found.names, found.rows)
        assert again == value or table_of(again) == found, "only an index, or keys without a value, differ"


@pytest.mark.parametrize(
    "value",
    [
        *(7, "text", [], {}, {"data": []}, [[]]),
        [[1], [2, 3]],
        {"a": {"b": 1}, "c": 2},
        {"a": [1], "b": [1, 2]},
        {"a": [[1]], "b": [[2]]},
        {"columns": ["a"], "data": [[1, 2]]},
        {"inputs": [{"name": "x", "shape": [3], "datatype": "FP32", "data": [1]}]},
    ],
)
def test_values_that_are_none(value: Any) -> None:
    assert table_of(value) is None


@pytest.mark.parametrize(
    ("value", "rows_sent", "names", "rows", "named"),
    [
        ([0.5, 0.7], 2, ["prediction"], [[0.5], [0.7]], True),
        (["cat", "dog"], 2, ["prediction"], [["cat"], ["dog"]], False),
        ([0.1, 0.2, 0.7], 1, ["column_0", "column_1", "column_2"], [[0.1, 0.2, 0.7]], False),
        ({"result": ["cat", "dog"]}, 2, ["result"], [["cat"], ["dog"]], True),
        (1, 1, ["prediction"], [[1]], True),
        ("cat", 1, ["prediction"], [["cat"]], False),
        ({"label": "cat", "score": 0.5}, 1, ["label", "score"], [["cat", 0.5]], True),
        ([[0.1, 0.9], [0.2, 0.8]], 2, ["column_0", "column_1"], [[0.1, 0.9], [0.2, 0.8]], False),
    ],
)
def test_predictions(value: Any, rows_sent: int, names: list[str], rows: list[Any], named: bool) -> None:
    found = prediction_of(value, rows_sent)
    assert found is not None
    assert found[:3] == (names, rows, named)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,x\n", (["a", "b"], [["1", "x"]], True)),
        ('1,2\n3,"4"\n', (["column_0", "column_1"], [["1", "2"], ["3", "4"]], False)),
        ("a,b\n1\n", None),
        ("", None),
    ],
)
def test_csv(text: str, expected: Any) -> None:
    found = csv_table(text)
    assert (found and found[:3]) == expected
