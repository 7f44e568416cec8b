"""Inputs, predictions and labels as one table."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from mlmagic.engine.collected_data.bodies import request_bodies
from mlmagic.engine.collected_data.tables import concatenated, joined, read_table

ID, TIME, FORM = "$aml_dc_correlation_id", "$aml_dc_scoring_timestamp", "$mlmagic_body_form"
EARLY, LATE = "2026-03-01T10:00:00+00:00", "2026-03-01T10:00:01.5+00:00"


def rows(*found: dict[str, Any]) -> pd.DataFrame:
    table = pd.DataFrame([{ID: each.pop("id"), TIME: each.pop("time", EARLY), **each} for each in found])
    return concatenated([table], None, None)


def test_rows_of_one_request_are_joined_in_their_order() -> None:
    inputs = rows(
        {"id": "a", "x": 1}, {"id": "a", "x": 2}, {"id": "b", "x": 3, "time": LATE}, {"id": "c", "x": 4}
    )
    predictions = rows({"id": "b", "y": 30}, {"id": "a", "y": 10}, {"id": "a", "y": 20})
    found = joined(inputs, {"predictions": predictions, "labels": pd.DataFrame({ID: [], TIME: []})})
    assert found[["x", "y"]].fillna(0).to_numpy().tolist() == [[1, 10], [2, 20], [4, 0], [3, 30]]


def test_equal_names_get_an_ending_and_the_last_labels_count() -> None:
    labels = rows({"id": "a", "x": 7}, {"id": "a", "x": 8}, {"id": "a", "x": 9, "time": LATE})
    inputs, predictions = rows({"id": "a", "x": 1}, {"id": "a", "x": 2}), rows({"id": "a", "x": 5})
    found = joined(inputs, {"predictions": predictions, "labels": labels})
    assert list(found.columns) == [ID, TIME, "x", "x_prediction", "x_label"]
    assert found["x_label"].fillna(0).tolist() == [9, 0]


@pytest.mark.parametrize(
    ("since", "until", "kept"),
    [(None, None, [1, 2]), (LATE, None, [2]), (None, LATE, [1]), (LATE, EARLY, [])],
)
def test_a_time_is_chosen(since: str | None, until: str | None, kept: list[int]) -> None:
    table = pd.DataFrame({ID: ["a", "b"], TIME: [EARLY, LATE], "x": [1, 2]})
    times = [pd.Timestamp(each).to_pydatetime() if each else None for each in (since, until)]
    assert concatenated([table], *times)["x"].tolist() == kept


def test_documents_of_the_later_collector_are_rows() -> None:
    contents = (
        b'{"id": "a", "time": "t", "collection": "c", "data": [{"x": 1}, {"x": 2}]}\n'
        b'{"id": "b", "time": "t", "collection": "c", "data": "?"}\n'
    )
    table = read_table(contents, "jsonl")
    assert table[ID].tolist() == ["a", "a", "b"]
    assert table["x"].tolist()[:2] == [1, 2]


@pytest.mark.parametrize(
    ("form", "values", "body"),
    [
        ("data/rows", {"column_0": [1, 3], "column_1": [2, 4]}, '{"data": [[1, 2], [3, 4]]}'),
        ("row", {"column_0": [1.5]}, "[1.5]"),
        ("record", {"a": [1], "b": ["x"]}, '{"a": 1, "b": "x"}'),
        ("text", {"body": ["plain"]}, "plain"),
        ("record", {"a": ["[redacted]"]}, None),
        ("", {"body": ["[left out: a stream]"]}, None),
        (None, {"a": [1]}, None),
    ],
)
def test_requests_are_written_again(form: str | None, values: dict[str, Any], body: str | None) -> None:
    count = len(next(iter(values.values())))
    table = pd.DataFrame({ID: ["a"] * count, TIME: [EARLY] * count, FORM: [form] * count, **values})
    other = pd.DataFrame({ID: ["z"], TIME: [EARLY], FORM: ["record"], "more": [1]}).convert_dtypes()
    both = concatenated([table.convert_dtypes(), other], None, None)
    assert request_bodies(both) == [*([body] if body else []), '{"more": 1}']
