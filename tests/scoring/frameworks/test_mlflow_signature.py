"""The signature of an MLflow model: types, optional columns, and values cast to them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlmagic.scoring.frameworks.mlflow_signature import Signature
from mlmagic.scoring.frameworks.tables import TableModel
from mlmagic.scoring.http.request import BadInput
from mlmagic.scoring.inputs.arrays import Misfit


def signature(*inputs: dict[str, Any]) -> Signature:
    return Signature.of({"signature": {"inputs": json.dumps(inputs)}})


def column(kind: str, name: str = "x", **more: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, **more}


@pytest.mark.parametrize(
    ("kind", "given", "dtype", "first"),
    [
        ("double", [5], "float64", 5.0),
        ("float", [1.5], "float32", 1.5),
        ("integer", [5], "int32", 5),
        ("long", [5], "int64", 5),
        ("long", [1.5], "float64", 1.5),  # left to the model: no whole number
        ("string", ["a"], None, "a"),
        ("boolean", [True], "bool", True),
        ("datetime", ["2020-02-01T00:00:00"], None, pd.Timestamp("2020-02-01")),
        ("datetime", ["2020-02-01T02:00:00+02:00"], None, pd.Timestamp("2020-02-01")),
        ("datetime", ["2020-02-01", None], None, pd.Timestamp("2020-02-01")),
        ("binary", ["aGk="], "object", b"hi"),
    ],
)
def test_values_get_the_type_of_their_column(
    kind: str, given: list[Any], dtype: str | None, first: Any
) -> None:
    made = signature(column(kind)).cast(pd.DataFrame({"x": given}))["x"]
    assert made[0] == first
    assert dtype is None or made.dtype == dtype


@pytest.mark.parametrize(("kind", "value"), [("datetime", "soon"), ("binary", "a")])
def test_what_cannot_be_cast_is_told(kind: str, value: str) -> None:
    with pytest.raises(Misfit, match="in 'x', got"):
        signature(column(kind)).cast(pd.DataFrame({"x": [value]}))


def test_a_tensor_has_one_type() -> None:
    found = signature({"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}})
    assert found.types == {}
    assert found.cast(np.array([[1, 2]])).dtype == "float32"
    assert Signature.of({}).cast(np.array([[1, 2]])).dtype == "int64"


class Estimator:
    def predict_proba(self, frame: pd.DataFrame) -> Any:
        return [list(frame.columns), [str(kind) for kind in frame.dtypes]]

    def predict(self, frame: pd.DataFrame) -> Any:
        return list(frame.columns)


SIGNATURE = signature(column("datetime", "when"), column("long", "n", required=False))


@pytest.fixture
def model() -> TableModel:
    return TableModel(Estimator(), columns=["when", "n"], signature=SIGNATURE, method="predict")


def test_an_optional_column_may_be_absent(model: TableModel) -> None:
    row = {"when": "2020-02-01"}
    assert model.predict(model.read({"data": [row]})) == ["when"]
    assert model.predict(model.read({"data": [{**row, "n": 1}]})) == ["when", "n"]
    with pytest.raises(BadInput, match="got rows without 'when'"):
        model.read({"data": [{"n": 1}]})


def test_the_method_is_that_of_the_model(model: TableModel) -> None:
    assert model.methods == ["predict", "predict_proba"]
    columns, kinds = model.predict(model.read({"data": [{"when": "2020-02-01"}], "method": "predict_proba"}))
    assert columns == ["when"]
    assert kinds[0].startswith("datetime64")


def test_the_description_has_the_types(model: TableModel) -> None:
    row = model.describe()["input"]["properties"]["data"]["items"]
    assert row["required"] == ["when"]
    assert row["properties"] == {"when": {"type": "string", "format": "date-time"}, "n": {"type": "integer"}}
