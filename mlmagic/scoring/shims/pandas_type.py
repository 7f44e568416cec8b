"""PandasParameterType: converts JSON in an orient of pandas to a `DataFrame` with the types of a sample."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import numpy as np
import orjson
import pandas as pd

from mlmagic.scoring.inputs.body_size import check_values, frame_size
from mlmagic.scoring.shims.numpy_type import dtype_schema
from mlmagic.scoring.shims.standard_type import schema_of_value
from mlmagic.scoring.shims.types import AbstractParameterType, Mismatch, described

ORIENTS = ("split", "records", "index", "columns", "values", "table")


class PandasParameterType(AbstractParameterType):
    """``enforce_shape`` compares the number of columns; ``enforce_column_type`` casts those of known name."""

    def __init__(
        self,
        sample_input: Any,
        enforce_column_type: bool = True,
        enforce_shape: bool = True,
        apply_column_names: bool = False,
        orient: str = "records",
    ) -> None:
        if not isinstance(sample_input, pd.DataFrame):
            raise TypeError(
                f"the sample of a PandasParameterType is a {type(sample_input).__name__}: "
                "it must be a DataFrame"
            )
        if orient not in ORIENTS:
            raise ValueError(f"orient is {orient!r}: it must be one of {', '.join(ORIENTS)}")
        super().__init__(sample_input)
        self.enforce_column_type = enforce_column_type
        self.enforce_shape = enforce_shape
        self.apply_column_names = apply_column_names
        self.orient = orient

    def deserialize_input(self, input_data: Any) -> Any:
        """Raises `Mismatch`."""
        frame = self._frame(input_data)
        columns = list(self.sample_input.columns)
        if self.enforce_shape and len(frame.columns) != len(columns):
            raise Mismatch(_columns(columns), _columns(list(frame.columns)))
        if self.apply_column_names and len(frame.columns) == len(columns):
            frame.columns = self.sample_input.columns
        if self.enforce_column_type:
            for name in frame.columns:
                frame[name] = self._cast(frame[name], name)
        return frame

    def _frame(self, given: Any) -> Any:
        if isinstance(given, pd.DataFrame) or (isinstance(given, np.ndarray) and given.ndim == 2):
            frame = pd.DataFrame(given).copy()
            # An array, or a table without a header, has no column names.
            unnamed = frame.columns.inferred_type == "integer"
            if unnamed and frame.shape[1] == len(self.sample_input.columns):
                frame.columns = self.sample_input.columns
            return frame
        if not self._is_frame(given):
            usual = "an array" if self.orient in ("records", "values") else "an object"
            raise Mismatch(f"{usual} ({self._shape()})", described(given))
        check_values(frame_size(given))
        try:
            if isinstance(given, list):
                _check_rows(given)
                return pd.DataFrame(given)
            if self.orient == "split" and given.keys() <= {"columns", "index", "data"}:
                return pd.DataFrame(**given)
            return pd.read_json(StringIO(orjson.dumps(given).decode()), orient=self.orient, dtype=False)
        except (ValueError, TypeError, LookupError, AttributeError, AssertionError) as error:
            raise Mismatch(self._shape(), f"{described(given)} ({error})") from None

    def _is_frame(self, given: Any) -> bool:
        """Whether pandas can read this. Some orients take rows as well as columns, and clients send both."""
        if self.orient not in ("records", "values", "columns"):
            return isinstance(given, dict)
        if isinstance(given, dict):
            return all(isinstance(column, list | dict) for column in given.values())
        return isinstance(given, list)

    def _shape(self) -> str:
        return f"a frame in the orient {self.orient!r} with {_columns(list(self.sample_input.columns))}"

    def _cast(self, column: Any, name: Any) -> Any:
        if name not in self.sample_input.columns:
            return column.astype(object)
        dtype = self.sample_input[name].dtype
        try:
            return _as(column, dtype)
        except (ValueError, TypeError, OverflowError) as error:
            raise Mismatch(f"{dtype} in the column {name!r}", f"values that are not ({error})") from None

    def input_to_swagger(self) -> dict[str, Any]:
        properties = {
            str(name): _column_schema(self.sample_input[name]) for name in self.sample_input.columns
        }
        return {
            **_ORIENTED[self.orient](properties),
            "format": f"pandas.DataFrame:{self.orient}",
            "example": json.loads(self.sample_input.to_json(orient=self.orient, date_format="iso")),
        }


def _check_rows(rows: list[Any]) -> None:
    """Check that rows are objects, or arrays of one length: pandas converts other values too."""
    if all(isinstance(row, dict) for row in rows):
        return
    strange = next((row for row in rows if not isinstance(row, list)), None)
    if strange is not None or None in rows:
        raise ValueError(f"one of its rows is {described(strange)}")
    if len({len(row) for row in rows}) > 1:
        raise ValueError("its rows have different lengths")


def _as(column: Any, dtype: Any) -> Any:
    """Cast a column. Numbers for dates are milliseconds, and only true and false are booleans."""
    kind = getattr(dtype, "kind", "O")
    if kind == "M":
        numbers = pd.api.types.is_numeric_dtype(column)
        times = pd.to_datetime(
            column, unit="ms" if numbers else None, utc=getattr(dtype, "tz", None) is not None
        )
        return times.astype(dtype)
    if kind == "m":
        return pd.to_timedelta(column, unit="ms" if pd.api.types.is_numeric_dtype(column) else None).astype(
            dtype
        )
    if kind == "b" and (strange := [value for value in column if value not in (True, False)]):
        raise ValueError(described(strange[0]))
    return column.astype(dtype)


def _columns(names: list[Any]) -> str:
    shown = ", ".join(map(str, names[:12])) + (", ..." if len(names) > 12 else "")
    return f"{len(names)} columns ({shown})" if len(names) != 1 else f"1 column ({shown})"


def _column_schema(column: Any) -> dict[str, Any]:
    if getattr(column.dtype, "kind", "O") != "O":
        return dtype_schema(column.dtype)
    values = column.dropna()
    return schema_of_value(values.iloc[0]) if len(values) else {"type": "string"}


Properties = dict[str, dict[str, Any]]


def _records(properties: Properties) -> dict[str, Any]:
    return {"type": "array", "items": _table_row(properties)}


def _table_row(properties: Properties) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _values(properties: Properties) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "array", "items": {}}}


def _index(properties: Properties) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": _table_row(properties)}


def _by_column(properties: Properties) -> dict[str, Any]:
    columns = {name: {"type": "object", "additionalProperties": item} for name, item in properties.items()}
    return _table_row(columns)


def _split(properties: Properties) -> dict[str, Any]:
    names = {"type": "array", "items": {"type": "string"}}
    index = {"type": "array", "items": {}}
    return {"type": "object", "properties": {"columns": names, "index": index, "data": _values({})}}


def _table(properties: Properties) -> dict[str, Any]:
    return {"type": "object", "properties": {"schema": {"type": "object"}, "data": _records(properties)}}


_ORIENTED = {
    "records": _records,
    "values": _values,
    "index": _index,
    "columns": _by_column,
    "split": _split,
    "table": _table,
}
