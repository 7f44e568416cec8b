from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlmagic.capture.script import capture
from mlmagic.capture.tables import express_table, is_table
from mlmagic.capture.values import NotSource

pytestmark = pytest.mark.together  # reads what is installed, for the requirements

CELL = "def init(): ...\ndef run(data): return value\n"


def carried(value: object) -> Any:
    script = capture("svc", CELL, {"value": value}, carry=("value",))
    namespace: dict[str, Any] = {}
    exec(script.source, namespace)
    assert script.requirements
    return namespace["run"](None)


@pytest.mark.parametrize(
    "value",
    [
        np.array([1.5, np.nan, -np.inf, -0.0]),
        np.arange(6, dtype="int8").reshape(2, 3),
        np.zeros((0, 3), dtype="float32"),
        np.array(2.5),
        np.array([True, False]),
        np.array(["a", "ünï"]),
        np.array([b"x"]),
        np.array([1 + 2j]),
        np.array(["2026-01-01", "NaT"], dtype="datetime64[ns]"),
        np.array([0.1], dtype=">f4"),
        np.asfortranarray(np.arange(4.0).reshape(2, 2)),
        np.float32(0.1),
        np.int64(3),
    ],
    ids=lambda value: f"{type(value).__name__}-{value.dtype}",
)
def test_an_array_comes_back_exactly(value: Any) -> None:
    again = carried(value)
    assert type(again) is type(value)
    assert (again.dtype, again.shape) == (value.dtype, value.shape)
    assert np.array_equal(again, value, equal_nan=value.dtype.kind in "fcmM")


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan], "c": ["x", None]}, index=[10, 20]),
        pd.DataFrame({"when": pd.to_datetime(["2026-01-01", None]), "kind": pd.Categorical(["u", "v"])}),
        pd.DataFrame({"n": pd.array([1, None], dtype="Int64"), 3: [True, False]}),
        pd.DataFrame(),
        pd.Series([1.0, 2.0], index=["x", "y"], name="s"),
    ],
)
def test_a_table_comes_back_exactly(value: Any) -> None:
    check = pd.testing.assert_series_equal if isinstance(value, pd.Series) else pd.testing.assert_frame_equal
    check(carried(value), value, check_exact=True)


@pytest.mark.parametrize(
    "value",
    [
        np.array([object()], dtype=object),
        np.array([1], dtype="longdouble"),
        np.ma.masked_array([1, 2], mask=[True, False]),
        np.zeros(2, dtype=[("a", "i4")]),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.Series([1], index=pd.MultiIndex.from_tuples([("a", 1)])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_would_not_come_back_is_refused(value: object) -> None:
    assert is_table(value)
    with pytest.raises(NotSource):
        express_table(value)


def test_other_values_are_no_tables() -> None:
    assert not is_table([1.0])
