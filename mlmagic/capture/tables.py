"""Arrays and tables written as source, for ``--carry``: only when they come back exactly.

numpy and pandas are never imported here: a value of theirs exists only when they are loaded.
"""

from __future__ import annotations

import sys
from typing import Any

from mlmagic.capture.values import CARRY_LIMIT, Expression, NotSource, express

_KINDS = "biufcSUmM"


def is_table(value: object) -> bool:
    """Whether ``value`` is a numpy scalar or array, or a pandas Series or DataFrame."""
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    return (numpy is not None and isinstance(value, numpy.generic | numpy.ndarray)) or (
        pandas is not None and isinstance(value, pandas.Series | pandas.DataFrame)
    )


def express_table(value: Any) -> Expression:
    """Source that makes ``value`` again, checked by making it; raises `NotSource`."""
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if value.size > CARRY_LIMIT:
        raise NotSource
    try:
        text = _write(value)
        names = {"numpy": numpy, "pandas": pandas}
        again = eval(text, dict(names))
        if not _same(again, value):
            raise NotSource
    except NotSource:
        raise
    except Exception as error:  # pandas has many ways to say that it will not
        raise NotSource from error
    return Expression(text, frozenset(name for name in names if f"{name}." in text))


def _write(value: Any) -> str:
    numpy = sys.modules["numpy"]
    if isinstance(value, numpy.ndarray):
        return _array(value)
    if isinstance(value, numpy.generic):
        return f"{_array(numpy.asarray(value))}[()]"
    if hasattr(value, "columns"):
        return _frame(value)
    return f"pandas.Series({_column(value)}, index={_index(value.index)}, name={express(value.name).text})"


def _array(value: Any) -> str:
    kind = value.dtype.kind
    # More than 8 bytes of float do not fit into a Python float.
    if type(value).__name__ != "ndarray" or kind not in _KINDS or value.dtype.str[1:] in ("f16", "c32"):
        raise NotSource
    flat = value.ravel()
    dtype = value.dtype.str
    view = f".view({dtype!r})" if kind in "mM" else ""
    if view:
        flat, dtype = flat.astype("int64", copy=False).view("int64"), "<i8"
    text = f"numpy.array({express(flat.tolist()).text}, dtype={dtype!r}){view}"
    return text if value.ndim == 1 else f"{text}.reshape({value.shape!r})"


def _column(series: Any) -> str:
    # An extension type (a category, say) may have the `kind` of a numpy type; it is none.
    if type(series.dtype).__module__.startswith("numpy") and series.dtype.kind != "O":
        return _array(series.to_numpy())
    items = [None if _missing(item) else item for item in series.tolist()]
    return f"pandas.array({express(items).text}, dtype={str(series.dtype)!r})"


def _missing(item: object) -> bool:
    pandas = sys.modules["pandas"]
    return item is pandas.NA or item is pandas.NaT or (isinstance(item, float) and item != item)


def _index(index: Any) -> str:
    pandas = sys.modules["pandas"]
    name = express(index.name).text
    if isinstance(index, pandas.RangeIndex):
        return f"pandas.RangeIndex({index.start}, {index.stop}, {index.step}, name={name})"
    if isinstance(index, pandas.MultiIndex):
        raise NotSource
    return f"pandas.Index({_column(index.to_series())}, name={name})"


def _frame(frame: Any) -> str:
    if not frame.columns.is_unique:
        raise NotSource
    columns = ", ".join(f"{express(name).text}: {_column(frame[name])}" for name in frame.columns)
    text = f"pandas.DataFrame({{{columns}}}, index={_index(frame.index)})"
    return text if frame.columns.name is None else f"{text}.rename_axis(columns={frame.columns.name!r})"


def _same(again: Any, value: Any) -> bool:
    numpy = sys.modules["numpy"]
    if isinstance(value, numpy.ndarray | numpy.generic):
        return (
            type(again) is type(value)
            and again.dtype == value.dtype
            and again.shape == value.shape
            and bool(numpy.array_equal(again, value, equal_nan=value.dtype.kind in "fcmM"))
        )
    testing = sys.modules["pandas"].testing
    check = testing.assert_frame_equal if hasattr(value, "columns") else testing.assert_series_equal
    check(again, value, check_exact=True, check_freq=False)
    return True
