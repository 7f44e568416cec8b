"""NumpyParameterType: converts lists to an `ndarray` with the type and shape of a sample.

The first dimension may have any size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mlmagic.scoring.inputs.body_size import check_text_array
from mlmagic.scoring.shims.types import AbstractParameterType, Mismatch, described


class NumpyParameterType(AbstractParameterType):
    """``enforce_column_type`` casts to the sample's dtype, ``enforce_shape`` compares the shapes."""

    def __init__(
        self, sample_input: Any, enforce_column_type: bool = True, enforce_shape: bool = True
    ) -> None:
        if not isinstance(sample_input, np.ndarray):
            raise TypeError(
                f"the sample of a NumpyParameterType is a {type(sample_input).__name__}: "
                "it must be an ndarray"
            )
        if sample_input.ndim == 0:
            raise ValueError("the sample of a NumpyParameterType has no dimensions: use np.array([value])")
        if sample_input.dtype.kind == "c":
            raise TypeError("the sample of a NumpyParameterType is complex: JSON has no complex numbers")
        super().__init__(sample_input)
        self.enforce_column_type = enforce_column_type
        self.enforce_shape = enforce_shape

    def deserialize_input(self, input_data: Any) -> Any:
        """Convert nested lists, or lists of objects for a structured dtype. Raises `Mismatch`."""
        if hasattr(input_data, "to_numpy"):  # a body of CSV or Arrow was read as a table
            input_data = input_data.to_numpy()
        if not isinstance(input_data, list | np.ndarray):
            raise Mismatch(f"an array of {self._expected()}", described(input_data))
        try:
            array = self._array(input_data)
        except (ValueError, TypeError, OverflowError) as error:
            raise Mismatch(self._expected(), _reason(error)) from None
        if self.enforce_shape and array.shape[1:] != self.sample_input.shape[1:]:
            raise Mismatch(self._expected(), f"shape {array.shape}")
        if self.enforce_shape and array.ndim != self.sample_input.ndim:
            raise Mismatch(self._expected(), f"shape {array.shape}")
        return array

    def _array(self, values: Any) -> Any:
        check_text_array(values)
        if not self.enforce_column_type:
            return np.array(values)
        dtype = self.sample_input.dtype
        if dtype.names:
            values = _records(values, dtype.names, self.sample_input.ndim)
        elif dtype.kind in _LEAVES:
            values = _each(values, _LEAVES[dtype.kind])
        # The type of the sample has the length of its texts: longer ones must not be cut.
        return np.array(values, dtype=dtype.kind if dtype.kind in "US" else dtype)

    def _expected(self) -> str:
        dtype = "any type" if not self.enforce_column_type else str(self.sample_input.dtype)
        if not self.enforce_shape:
            return dtype
        return f"{dtype} of shape ({', '.join(['any', *map(str, self.sample_input.shape[1:])])})"

    def input_to_swagger(self) -> dict[str, Any]:
        schema = _leaf(self.sample_input.dtype)
        for _ in range(self.sample_input.ndim):
            schema = {"type": "array", "items": schema}
        return {**schema, "format": "numpy.ndarray", "example": _example(self.sample_input)}


def dtype_schema(dtype: Any) -> dict[str, Any]:
    """Return the schema of one value of ``dtype``."""
    kind = dtype.kind
    if kind in "iu":
        return {"type": "integer", "format": dtype.name}
    if kind == "f":
        return {"type": "number", "format": "double" if dtype.itemsize == 8 else "float"}
    if kind == "b":
        return {"type": "boolean"}
    if kind == "M":
        return {"type": "string", "format": "date-time"}
    if kind == "m":
        return {"type": "string", "format": "timedelta"}
    if kind == "S":
        return {"type": "string", "format": "binary"}
    return {"type": "string"} if kind in "UT" else {"type": "object"}


def _leaf(dtype: Any) -> dict[str, Any]:
    if not dtype.names:
        return dtype_schema(dtype)
    fields = {name: _field(dtype.fields[name][0]) for name in dtype.names}
    return {"type": "object", "required": list(dtype.names), "properties": fields}


def _field(dtype: Any) -> dict[str, Any]:
    schema = _leaf(dtype.base)
    for _ in dtype.shape:
        schema = {"type": "array", "items": schema}
    return schema


def _example(array: Any) -> Any:
    if array.dtype.names:
        names = array.dtype.names
        if array.ndim > 1:
            return [_example(row) for row in array]
        return [{name: _example(row[name]) for name in names} for row in array]
    if array.dtype.kind == "M":
        return np.datetime_as_string(array).tolist()
    if array.dtype.kind == "m":
        return _each(list(array), str)
    if array.dtype.kind == "S":
        return np.char.decode(array, "latin-1").tolist()
    return array.tolist()


def _records(values: Any, names: tuple[str, ...], depth: int) -> Any:
    """Convert objects or lists at ``depth`` to tuples, as numpy needs for a structured dtype."""
    if depth > 0 and isinstance(values, list):
        return [_records(value, names, depth - 1) for value in values]
    if isinstance(values, dict):
        missing = [name for name in names if name not in values]
        if missing:
            raise Mismatch(f"objects with the keys {', '.join(names)}", described(values))
        return tuple(values[name] for name in names)
    return tuple(values) if isinstance(values, list) else values


def _each(values: Any, read: Callable[[Any], Any]) -> Any:
    """Apply ``read`` to each value in nested lists or arrays."""
    if isinstance(values, list | np.ndarray):
        return [_each(value, read) for value in values]
    return read(values)


def _time(value: Any) -> Any:
    """Remove the Z of a time in UTC, which numpy does not parse."""
    return value[:-1] if isinstance(value, str) and value.endswith("Z") else value


def _span(value: Any) -> Any:
    """Parse a duration such as ``5 seconds``. A number is in the unit of the sample."""
    if not isinstance(value, str) or value == "NaT":
        return value
    count, _, unit = value.partition(" ")
    if unit.rstrip("s") not in _UNITS:
        raise ValueError(f"{value!r} is not a number with a unit, such as '5 seconds'")
    return np.timedelta64(int(count), _UNITS[unit.rstrip("s")])


_LEAVES: dict[str, Callable[[Any], Any]] = {"M": _time, "m": _span}
_UNITS: dict[str, Any] = {
    "year": "Y",
    "month": "M",
    "week": "W",
    "day": "D",
    "hour": "h",
    "minute": "m",
    "second": "s",
    "millisecond": "ms",
    "microsecond": "us",
    "nanosecond": "ns",
}


def _reason(error: Exception) -> str:
    text = str(error)
    return "rows of different lengths" if "inhomogeneous" in text else f"values that are not ({text})"
