"""StandardPythonParameterType: checks plain values, which must have the type of a sample.

An integer is accepted for a float. Dates, times and bytes are sent as text. A list or a dict may contain
other parameter types, which convert the values in their place; other values are not checked.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

from mlmagic.scoring.shims.types import (
    VERSIONS,
    WITH_ALTERNATIVES,
    AbstractParameterType,
    Mismatch,
    described,
)


class StandardPythonParameterType(AbstractParameterType):
    """int, float, str, bool, bytes, bytearray, date, datetime, time, list, tuple, range or dict."""

    def __init__(self, sample_input: Any) -> None:
        # A number of numpy counts as a plain number.
        if type(sample_input).__module__ == "numpy" and getattr(sample_input, "shape", None) == ():
            sample_input = sample_input.item()
        super().__init__(sample_input)
        if self.sample_data_type not in _READERS:
            raise TypeError(
                f"the sample of a StandardPythonParameterType is a {self.sample_data_type.__name__}: "
                f"it must be one of {', '.join(kind.__name__ for kind in _READERS)}"
            )

    def deserialize_input(self, input_data: Any) -> Any:
        """Raises `Mismatch`."""
        if hasattr(input_data, "tolist"):  # a tensor
            input_data = input_data.tolist()
        if isinstance(self.sample_input, dict):
            return self._dict(input_data)
        if isinstance(self.sample_input, list | tuple):
            return self._items(input_data)
        expected, read = _READERS[self.sample_data_type]
        try:
            return read(input_data)
        except (ValueError, TypeError, LookupError):
            raise Mismatch(expected, described(input_data)) from None

    def _dict(self, given: Any) -> dict[str, Any]:
        if not isinstance(given, dict):
            raise Mismatch("an object", described(given))
        converted = dict(given)
        for key, kind in self.sample_input.items():
            if isinstance(kind, AbstractParameterType):
                if key not in given:
                    raise Mismatch(f"an object with the key {key!r}", described(given))
                converted[key] = _inside(str(key), kind, given[key])
        return converted

    def _items(self, given: Any) -> Any:
        if not isinstance(given, list):
            raise Mismatch("an array", described(given))
        kinds = list(self.sample_input)
        if not any(isinstance(kind, AbstractParameterType) for kind in kinds):
            return self.sample_data_type(given)
        if len(kinds) == 1:
            kinds *= len(given)
        if len(kinds) != len(given):
            raise Mismatch(f"an array of {len(kinds)}", described(given))
        pairs = enumerate(zip(kinds, given, strict=True))
        return self.sample_data_type(
            _inside(f"[{at}]", kind, value) if isinstance(kind, AbstractParameterType) else value
            for at, (kind, value) in pairs
        )

    def input_to_swagger(self) -> dict[str, Any]:
        return {**schema_of_value(self.sample_input), "example": example_of(self.sample_input)}

    def supported_versions(self) -> list[str]:
        """Return all versions, without 2.0 if a list contains values of several types."""
        return list(WITH_ALTERNATIVES if _has_alternatives(schema_of_value(self.sample_input)) else VERSIONS)


def schema_of_value(value: Any) -> dict[str, Any]:
    """Return the schema of values like ``value``."""
    if isinstance(value, AbstractParameterType):
        return {key: item for key, item in value.input_to_swagger().items() if key != "example"}
    if isinstance(value, dict):
        properties = {str(key): schema_of_value(item) for key, item in value.items()}
        return {"type": "object", "required": list(properties), "properties": properties}
    if isinstance(value, list | tuple | range):
        return {"type": "array", "items": _items_schema(list(value))}
    return dict(_SCHEMAS.get(type(value), {"type": "object"}))


def example_of(value: Any) -> Any:
    """``value`` as JSON shows it."""
    if isinstance(value, AbstractParameterType):
        return value.input_to_swagger().get("example")
    if isinstance(value, dict):
        return {str(key): example_of(item) for key, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [example_of(item) for item in value]
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode("ascii")
    return value.isoformat() if isinstance(value, date | time) else value


def _inside(outer: str, kind: AbstractParameterType, value: Any) -> Any:
    try:
        return kind.deserialize_input(value)
    except Mismatch as error:
        raise error.inside(outer) from None


def _items_schema(values: list[Any]) -> dict[str, Any]:
    """Return the one schema of the values, or ``anyOf`` their schemas."""
    different: list[dict[str, Any]] = []
    for value in values:
        if (schema := schema_of_value(value)) not in different:
            different.append(schema)
    if len(different) > 1:
        return {"anyOf": different}
    return different[0] if different else {"type": "object"}


def _has_alternatives(schema: Any) -> bool:
    if isinstance(schema, dict):
        return "anyOf" in schema or any(map(_has_alternatives, schema.values()))
    return isinstance(schema, list) and any(map(_has_alternatives, schema))


def _exactly(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError
        return value

    return read


def _float(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError
    return float(value)


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeError
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ValueError from None


def _range(value: Any) -> range:
    """Convert evenly spaced integers to a range."""
    if not isinstance(value, list) or any(type(item) is not int for item in value):
        raise TypeError
    if not value:
        return range(0)
    step = value[1] - value[0] if len(value) > 1 else 1
    found = range(value[0], value[-1] + (1 if step > 0 else -1), step)
    if list(found) != value:
        raise ValueError
    return found


_READERS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    int: ("an integer", _exactly(int)),
    float: ("a number", _float),
    str: ("a text", _exactly(str)),
    bool: ("true or false", _exactly(bool)),
    bytes: ("a text in base64", _bytes),
    bytearray: ("a text in base64", lambda value: bytearray(_bytes(value))),
    datetime: ("a date and time as in 2026-01-31T12:00:00", datetime.fromisoformat),
    date: ("a date as in 2026-01-31", date.fromisoformat),
    time: ("a time as in 12:00:00", time.fromisoformat),
    list: ("an array", _exactly(list)),
    tuple: ("an array", tuple),
    range: ("an array of evenly spaced integers", _range),
    dict: ("an object", _exactly(dict)),
}

_SCHEMAS: dict[type, dict[str, Any]] = {
    int: {"type": "integer", "format": "int64"},
    float: {"type": "number", "format": "double"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    bytes: {"type": "string", "format": "byte"},
    bytearray: {"type": "string", "format": "byte"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    time: {"type": "string", "format": "time"},
}
