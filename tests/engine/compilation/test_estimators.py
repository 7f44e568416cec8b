"""Each estimator of the table is compiled and equal to the original, or refused with the reason."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy
import pandas
import pytest

from mlmagic.engine.compilation.conversion import METHODS, methods_of

from .estimators import COMPILED, REFUSED, TABLE, X
from .result import Compiled

pytestmark = pytest.mark.together

ATTACKS = numpy.random.default_rng(99)


def inputs(original: Any) -> Iterator[tuple[str, Any]]:
    """What clients send, good and bad."""
    if not isinstance(getattr(original, "feature_names_in_", None), type(None)):
        columns = list(original.feature_names_in_)
        if columns == list(TABLE.columns):
            yield from tables()
            return
        yield "a table", pandas.DataFrame(X[:20], columns=columns)
        yield "columns in another order", pandas.DataFrame(X[:20], columns=columns[::-1])
    rows = ATTACKS.normal(size=(50, 6)) * 2
    yield "float64", rows
    yield "float32", rows.astype("float32")
    yield "big-endian", rows.astype(">f8")
    yield "whole numbers", rows.round().astype(int)
    yield "small whole numbers", rows.round().astype("int8")
    yield "bool", rows > 0
    yield "the data itself", X
    yield "one row", rows[:1]
    yield "lists", rows[:3].tolist()
    yield "lists of whole numbers", rows[:3].round().astype(int).tolist()
    yield "columns in memory", numpy.asfortranarray(rows)
    yield "every second value", numpy.repeat(rows, 2, axis=1)[:, ::2]
    yield "huge", rows * 1e30
    yield "beyond single precision", rows * 1e60
    yield "tiny", rows * 1e-40
    yield "zero", numpy.zeros((2, 6))
    yield "minus zero", -numpy.zeros((2, 6))
    yield "NaN", numpy.where(rows > 2, numpy.nan, rows)
    yield "only NaN", numpy.full((1, 6), numpy.nan)
    yield "infinity", numpy.where(rows > 2, numpy.inf, rows)
    yield "null", [[1, None, 3, 4, 5, 6]]
    yield "text of numbers", [["1", "2", "3", "4", "5", "6"]]
    yield "text", [["a"] * 6]
    yield "complex", rows.astype(complex)
    yield "one dimension", rows[0]
    yield "three dimensions", rows[None]
    yield "no rows", numpy.zeros((0, 6))
    yield "an empty list", []
    yield "too few columns", rows[:, :5]
    yield "too many columns", numpy.c_[rows, rows]
    yield "rows of different lengths", [[1, 2, 3, 4, 5, 6], [1]]
    yield "a number", 1.5
    yield "nothing", None


def tables() -> Iterator[tuple[str, Any]]:
    yield "a table", TABLE
    yield "one row", TABLE.iloc[[3]]
    yield "an unknown category", TABLE.head(4).assign(city=["Oslo", "Rome", "Oslo", "Bern"])
    yield "columns in another order", TABLE[TABLE.columns[::-1]]
    yield "one more column", TABLE.assign(more=1)
    yield "a missing column", TABLE.drop(columns="age")
    yield "missing text", TABLE.head(2).assign(city=[None, "Rome"])
    yield "a missing number", TABLE.head(2).assign(age=[numpy.nan, 30])
    yield "single precision", TABLE.astype({"income": "float32"})
    yield "numbers as text", TABLE.astype({"age": "str"})
    yield "nullable numbers", TABLE.astype({"age": "Int64"})
    yield "categories", TABLE.astype({"city": "category"})
    yield "infinity", TABLE.head(2).assign(income=[numpy.inf, 1])
    yield "no rows", TABLE.head(0)
    yield "an array", TABLE.to_numpy()
    yield "objects", TABLE.head(2).to_dict("records")


def outcome(model: Any, method: str, given: Any) -> Any:
    """What a call returns, or the kind of error and its message."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return getattr(model, method)(given)
        except Exception as error:
            return type(error), re.sub(r"^\[\d\d:\d\d:\d\d\]", "", str(error))  # XGBoost says the time


@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_estimator_is_like_the_original(name: str, compiled: Callable[..., Compiled]) -> None:
    result, original, loaded, _ = compiled(COMPILED[name])
    assert result.is_compiled, result
    assert result.rows > 1000
    assert type(loaded) is not type(original)
    assert {"predict", "transform"} & set(result.methods)
    assert sorted([*result.methods, *dict(result.originals)]) == sorted(methods_of(original))
    for method in METHODS:
        assert hasattr(loaded, method) == hasattr(original, method), method
    for what, given in inputs(original):
        for method in result.methods:
            expected, found = outcome(original, method, given), outcome(loaded, method, given)
            assert type(found) is type(expected), (what, method, found, expected)
            if isinstance(expected, tuple):
                assert found == expected, (what, method)
                continue
            assert (found.dtype, found.shape) == (expected.dtype, expected.shape), (what, method)
            if expected.dtype.kind == "f":
                scale = abs(expected[numpy.isfinite(expected)]).max(initial=0) or 1
                numpy.testing.assert_allclose(
                    found, expected, result.tolerance, result.tolerance * scale, err_msg=f"{what} {method}"
                )
            else:
                assert (found == expected).all(), (what, method)


@pytest.mark.parametrize(
    ("name", "methods", "originals"),
    [("k-means", ("predict", "transform"), []), ("voting", ("predict",), ["transform"])],
)
def test_transform_is_compiled_beside_predict_where_the_converter_has_it(
    name: str, methods: Sequence[str], originals: Sequence[str], compiled: Callable[..., Compiled]
) -> None:
    result = compiled(COMPILED[name])[0]
    assert (result.methods, [name for name, _ in result.originals]) == (methods, originals)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_compiled_is_refused_with_the_reason(
    name: str, compiled: Callable[..., Compiled]
) -> None:
    make, reason = REFUSED[name]
    result, original, loaded, folder = compiled(make)
    assert reason in result.reason
    assert result.methods == ()
    assert not (folder / "compiled.json").exists()
    assert type(loaded) is type(original)


def test_a_transformer_returns_tables_where_scikit_learn_is_told_to(
    compiled: Callable[..., Compiled],
) -> None:
    from sklearn import config_context

    _, original, loaded, _ = compiled(COMPILED["scaler"])
    with config_context(transform_output="pandas"):
        pandas.testing.assert_frame_equal(loaded.transform(X), original.transform(X))
    assert isinstance(loaded.transform(X), numpy.ndarray)
