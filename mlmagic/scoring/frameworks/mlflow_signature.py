"""The signature of an MLflow model: the names and types of its inputs, and values cast to them.

JSON has fewer types than a signature: a date is text, bytes are base64 text, and 5 may be a double. Values
are cast as in MLflow's own scoring server.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlmagic.scoring.inputs.arrays import Misfit

_NUMBERS = {"integer": "int32", "long": "int64", "float": "float32", "double": "float64"}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer"},
    "long": {"type": "integer"},
    "float": {"type": "number"},
    "double": {"type": "number"},
    "string": {"type": "string"},
    "binary": {"type": "string", "format": "byte"},
    "datetime": {"type": "string", "format": "date-time"},
}


@dataclass(frozen=True, slots=True)
class Signature:
    """The inputs of a model: columns, or one tensor without names."""

    types: Mapping[str, str]
    """MLflow's type of each column, in order; empty for a model without named columns."""
    optional: frozenset[str] = frozenset()
    """The columns that a request may leave out."""
    dtype: str | None = None
    """numpy's type of the tensor."""

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Signature:
        """Read the signature from the content of the file MLmodel."""
        inputs = json.loads((described.get("signature") or {}).get("inputs") or "[]")
        columns = [each for each in inputs if each.get("name") and each.get("type") != "tensor"]
        tensor = inputs[0].get("tensor-spec", {}) if len(inputs) == 1 else {}
        return cls(
            {each["name"]: str(each.get("type")) for each in columns},
            frozenset(each["name"] for each in columns if each.get("required") is False),
            tensor.get("dtype"),
        )

    def schemas(self) -> dict[str, dict[str, Any]]:
        """Return the JSON schema of each column."""
        return {name: _SCHEMAS.get(kind, {}) for name, kind in self.types.items()}

    def cast(self, data: Any) -> Any:
        """Cast an array or a `DataFrame` to the types of the signature. Raises `Misfit`."""
        if hasattr(data, "dtypes"):
            return data.assign(
                **{name: _column(data[name], kind) for name, kind in self.types.items() if name in data}
            )
        return data.astype(self.dtype) if self.dtype and _fits(data.dtype.kind, self.dtype) else data


def _column(column: Any, kind: str) -> Any:
    if kind in _NUMBERS:
        return column.astype(_NUMBERS[kind]) if _fits(column.dtype.kind, _NUMBERS[kind]) else column
    if kind == "datetime" and column.dtype.kind != "M":
        import pandas

        try:
            found = pandas.to_datetime(column)
        except (ValueError, TypeError) as error:
            raise Misfit(f"Expected dates in {column.name!r}, got {error}") from None
        # numpy's dates have no time zone: they are in UTC.
        return found.dt.tz_convert(None) if found.dt.tz is not None else found
    if kind == "binary":
        try:
            return column.map(lambda value: binascii.a2b_base64(value) if isinstance(value, str) else value)
        except binascii.Error as error:
            raise Misfit(f"Expected base64 text in {column.name!r}, got {error}") from None
    return column


def _fits(kind: str, wanted: str) -> bool:
    """Whether numbers of this kind may be cast: integers to any type, floats only to floats."""
    return kind in "iu" or (kind == "f" and wanted.startswith("float"))
