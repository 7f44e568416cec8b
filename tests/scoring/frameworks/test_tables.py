"""Rows with columns: what a body becomes, what is refused, how it is described."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlmagic.scoring.frameworks.tables import TableModel
from mlmagic.scoring.http.request import BadInput
from mlmagic.scoring.inputs.bodies import Whole


class Classifier:
    n_features_in_ = 2

    def predict(self, data: Any) -> Any:
        return ["predict", data]

    def predict_proba(self, data: Any) -> Any:
        return ["predict_proba", data]


class Named(Classifier):
    feature_names_in_ = np.array(["age", "town"], dtype=object)


class Text:
    def transform(self, data: Any) -> Any:
        return data


@pytest.fixture
def plain() -> TableModel:
    return TableModel(Classifier())


@pytest.fixture
def named() -> TableModel:
    return TableModel(Named())


def test_the_method_is_the_models_best_or_the_one_asked_for(plain: TableModel) -> None:
    assert plain.predict(plain.read({"data": [[1, 2]]}))[0] == "predict_proba"
    assert plain.predict(plain.read(Whole([[1, 2]])))[0] == "predict_proba"
    assert plain.predict(plain.read({"data": [[1, 2]], "method": "predict"}))[0] == "predict"
    assert TableModel(Text()).methods == ["transform"]
    for method in ("transform", "__init__", None, ["predict"]):
        with pytest.raises(
            BadInput, match=r"'method' parameter is .*; this model has predict_proba, predict"
        ):
            plain.read({"data": [[1, 2]], "method": method})
    with pytest.raises(TypeError, match=r"builtins\.object, which has none of the methods predict_proba"):
        TableModel(object())


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        ([[1, 2]], [[1, 2]]),
        ([[1, None]], [[1, np.nan]]),
        ([["a", "b"]], [["a", "b"]]),
        (np.array([[1, 2]]), [[1, 2]]),
        (pd.DataFrame({"x": [1], "y": [2]}), [[1, 2]]),
    ],
)
def test_rows_without_names(plain: TableModel, value: Any, rows: Any) -> None:
    np.testing.assert_array_equal(plain.read({"data": value})["data"], np.array(rows, np.asarray(rows).dtype))


def test_text_and_numbers_stay_what_they_are(plain: TableModel) -> None:
    assert plain.read({"data": [["a", 1.5]]})["data"].tolist() == [["a", 1.5]]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([[1, 2, 3]], "Expected rows of 2 values, got 3"),
        ([1, 2], "Expected rows of 2 values, got 1 dimensions"),
        ([{"age": 1, "town": "a"}], "Expected rows as lists"),
        ({"age": [1]}, "Expected rows as lists"),
        ([[1, 2], [3]], "rows of different"),
        ("text", "Expected an array, got text"),
        (7, "Expected an array, got a number"),
        ([[1, {"a": 1}]], "Expected an array"),
    ],
)
def test_rows_that_do_not_fit(plain: TableModel, value: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        plain.read({"data": value})


@pytest.mark.parametrize(
    "value",
    [
        [[3, "Ulm"]],
        [{"town": "Ulm", "age": 3, "more": 0}],
        {"columns": ["town", "age"], "data": [["Ulm", 3]]},
        {"age": [3], "town": ["Ulm"]},
        pd.DataFrame({"town": ["Ulm"], "age": [3]}),
        pd.DataFrame([[3, "Ulm"]]),
    ],
)
def test_a_model_with_names_gets_its_columns(named: TableModel, value: Any) -> None:
    frame = named.read({"data": value})["data"]
    assert frame.to_dict("records") == [{"age": 3, "town": "Ulm"}]
    assert list(frame.columns) == ["age", "town"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([{"age": 1}], "Expected rows with age, town, got rows without 'town'"),
        ([[1]], "Expected rows of 2 values, got 1"),
        ("text", "Expected a table"),
        ([1, 2], "got 1 dimensions"),
    ],
)
def test_columns_that_do_not_fit(named: TableModel, value: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        named.read({"data": value})


def test_a_sample_teaches_which_columns_are_numbers(named: TableModel, plain: TableModel) -> None:
    named.learn(named.read({"data": [[3, "Ulm"]]}))
    with pytest.raises(BadInput, match="Expected numbers in 'age', got text"):
        named.read({"data": [["three", "Ulm"]]})
    plain.learn(plain.read({"data": [[1, 2.5]]}))
    with pytest.raises(BadInput, match="Expected numbers, got text"):
        plain.read({"data": [["a", "b"]]})


def test_texts_go_to_a_model_that_does_not_count_its_inputs() -> None:
    model = TableModel(Text())
    array = model.predict(model.read({"data": ["one", "two"]}))
    assert (array.dtype, array.tolist()) == (object, ["one", "two"])


def test_descriptions(named: TableModel, plain: TableModel) -> None:
    told = plain.describe()["input"]
    assert told["properties"]["method"]["enum"] == ["predict_proba", "predict"]
    assert told["properties"]["data"]["items"] == {"type": "array", "items": {}, "minItems": 2, "maxItems": 2}
    named.learn(named.read({"data": [[3, "Ulm"]]}))
    row = named.describe()["input"]["properties"]["data"]["items"]
    assert row["properties"] == {"age": {"type": "number"}, "town": {}}


def test_a_large_body_is_parsed_unless_it_names_a_method(plain: TableModel) -> None:
    assert plain.parse(b'{"data": [[1, 2]]}').tolist() == [[1, 2]]
    assert plain.parse(b'{"data": [[1, 2]], "method": "predict"}') is None
