"""Inputs that a compiled model takes: plain finite numbers of the right shape, or tables with its columns.

A reader returns the inputs of the graph, or None for an input that only the original model can judge: it then
gives the same result or raises the same error as ever.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from mlmagic.scoring.compiled.files import Method, Record

INPUT = "X"
"""The name of a graph's one input."""
Reader = Callable[[Any], "dict[str, Any] | None"]


def column_input(place: int) -> str:
    """The name of a graph's input for one column."""
    return f"column_{place}"


def reader(record: Record, method: Method) -> Reader:
    """The reader of the inputs of ``method``."""
    return _column_reader(record, method) if record.kinds else _matrix_reader(record, method)


def _matrix_reader(record: Record, method: Method) -> Reader:
    width, allowed, columns = record.width, method.dtypes, list(record.columns)
    dtype, convert = numpy.dtype(record.dtype), _converter(record.dtype)
    array_type, product = numpy.ndarray, numpy.vdot
    square = min(method.limit * method.limit, float(numpy.finfo(dtype).max))

    def read(value: Any) -> dict[str, Any] | None:
        if type(value) is not array_type:
            value = _array(value, columns)
            if value is None:
                return None
        shape = value.shape
        if len(shape) != 2 or shape[1] != width or not shape[0] or value.dtype.char not in allowed:
            return None
        if value.dtype is not dtype:
            if not value.dtype.isnative:  # XGBoost misreads these
                return None
            value = convert(value)
        # The sum of all squares is within the limit if each value is, or else each value is looked at.
        if not product(value, value) <= square and not _is_allowed(value, method):
            return None
        return {INPUT: value}

    return read


def _converter(dtype: str) -> Callable[[Any], Any]:
    """The function that converts an array to ``dtype``. Too large a number becomes infinite."""
    if dtype == "float64":
        return lambda value: value.astype(numpy.float64)

    def narrow(value: Any) -> Any:
        with numpy.errstate(over="ignore"):
            return value.astype(numpy.float32)

    return narrow


def _is_allowed(value: Any, method: Method) -> bool:
    """Whether all numbers are within the limit, or NaN where that is allowed."""
    within = numpy.abs(value) <= min(method.limit, float(numpy.finfo(value.dtype).max))
    return bool((within | numpy.isnan(value) if method.nan else within).all())


def _array(value: Any, columns: Sequence[str]) -> Any:
    """A list or a table with exactly these columns as an array; None for anything else."""
    if isinstance(value, list | tuple):
        try:
            return numpy.asarray(value)
        except (ValueError, OverflowError):
            return None
    if _is_frame(value) and columns and list(value.columns) == columns:
        # pandas has types of its own for sparse columns and for those with missing values.
        return value.to_numpy() if all(isinstance(each, numpy.dtype) for each in value.dtypes) else None
    return None


def _is_frame(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and type(value) is pandas.DataFrame


def _column_reader(record: Record, method: Method) -> Reader:
    columns, kinds, convert = list(record.columns), record.kinds, _converter(record.dtype)
    known = {int(place): frozenset(values) for place, values in record.known.items()}

    def read(value: Any) -> dict[str, Any] | None:
        if not _is_frame(value) or not len(value) or list(value.columns) != columns:
            return None
        feed = {}
        for place, kind in enumerate(kinds):
            column = value.iloc[:, place]
            found = _text(column) if kind == "s" else _numbers(column, method, convert)
            if found is None or (place in known and not known[place].issuperset(found.tolist())):
                return None
            feed[column_input(place)] = found.reshape(-1, 1)
        return feed

    return read


def _numbers(column: Any, method: Method, convert: Callable[[Any], Any]) -> Any:
    if not isinstance(column.dtype, numpy.dtype) or column.dtype.char not in method.dtypes:
        return None
    found = convert(column.to_numpy())
    return found if _is_allowed(found, method) else None


def _text(column: Any) -> Any:
    if str(column.dtype) not in ("object", "str", "string"):
        return None
    found = column.to_numpy(dtype=object)
    return found if all(type(each) is str for each in found) else None
