"""What run() returned, as JSON.

orjson writes what it knows; `simpler` explains the rest one step at a time (arrays, frames, sets,
decimals, bytes); what orjson refuses for good reasons of its own (keys that are not text, integers
beyond 64 bits, an iterator, which can be read only once) takes the slow road through `plain`.
"""

from __future__ import annotations

import binascii
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence, Set, ValuesView
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from enum import Enum
from math import isfinite
from typing import Any

import orjson

JSON = "application/json"


class Unserialisable(TypeError):
    """run() returned something that JSON cannot hold, at ``path`` of its answer."""

    def __init__(self, what: str, path: str = "") -> None:
        self.what, self.path = what, path
        super().__init__(what, path)

    def __str__(self) -> str:
        where = f" (at answer{self.path})" if self.path else ""
        return f"run() returned {self.what}, which cannot be written as JSON{where}."

    def inside(self, key: object) -> Unserialisable:
        """The same, seen from the container that holds it under ``key``."""
        return Unserialisable(self.what, f"[{key!r}]{self.path}")


def encode(result: object) -> bytes:
    """The body of an answer. Raises `Unserialisable`, or what the user's own iterator raises."""
    if result is None:
        return b"{}"
    # The option makes orjson import numpy: only for those who have it already.
    option = orjson.OPT_SERIALIZE_NUMPY if "numpy" in sys.modules else 0
    try:
        return orjson.dumps(result, simpler, option)
    except TypeError:
        pass
    try:
        return orjson.dumps(result, simpler, option | orjson.OPT_NON_STR_KEYS)
    except TypeError:
        pass
    try:
        return json.dumps(plain(result), separators=(",", ":"), allow_nan=False).encode()
    except RecursionError:
        raise Unserialisable(f"a {_name(result)} that contains itself or is nested too deeply") from None


def simpler(value: Any) -> Any:
    """``value`` one step closer to JSON. Raises `Unserialisable`."""
    if isinstance(value, bytes | bytearray | memoryview):
        return binascii.b2a_base64(value, newline=False).decode("ascii")
    for library in ("numpy", "pandas"):
        # Nobody can return a value of a library that is not there yet.
        if library in sys.modules and (step := _LIBRARIES[library](value, sys.modules[library])) is not value:
            return step
    if callable(getattr(value, "as_integer_ratio", None)):  # Decimal, Fraction, subclasses of float
        return float(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Set):
        return _in_order(value)
    if isinstance(value, Sequence | ValuesView):
        return list(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if callable(tolist := getattr(value, "tolist", None)):
        return tolist()
    raise Unserialisable(_a(value))


def plain(value: Any) -> Any:
    """``value`` as dicts with text keys, lists, text, finite numbers, booleans and None."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if isfinite(value) else None
    if isinstance(value, dict):
        return {_key(key): _plain_at(key, item) for key, item in value.items()}
    if isinstance(value, list | tuple | Iterator):
        return [_plain_at(index, item) for index, item in enumerate(value)]
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if not field.name.startswith("_")]
        return {name: _plain_at(name, getattr(value, name)) for name in names}
    if type(value).__name__ == "UUID":
        return str(value)
    return plain(simpler(value))


def _plain_at(key: object, value: object) -> Any:
    try:
        return plain(value)
    except Unserialisable as error:
        raise error.inside(key) from None


def _key(key: object) -> str:
    if isinstance(key, str):
        return str(key)
    simple = plain(key)
    if isinstance(simple, list | dict):
        raise Unserialisable(f"a dict with a {_name(key)} as a key")
    return simple if isinstance(simple, str) else json.dumps(simple)


def _in_order(values: Set[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return list(values)


def _from_numpy(value: Any, numpy: Any) -> Any:
    if isinstance(value, numpy.ndarray):
        return value.tolist()
    if isinstance(value, numpy.floating):
        return float(value)
    if isinstance(value, numpy.datetime64 | numpy.timedelta64):
        return None if numpy.isnat(value) else str(value)
    if isinstance(value, numpy.complexfloating):
        return value
    return value.item() if isinstance(value, numpy.generic) else value


def _from_pandas(value: Any, pandas: Any) -> Any:
    if isinstance(value, pandas.DataFrame):
        return value.to_dict("records")
    if isinstance(value, pandas.Series | pandas.Index | pandas.api.extensions.ExtensionArray):
        return value.tolist()
    if value is pandas.NaT or value is pandas.NA:
        return None
    return str(value) if isinstance(value, pandas.Period | pandas.Interval) else value


_LIBRARIES: dict[str, Callable[[Any, Any], Any]] = {"numpy": _from_numpy, "pandas": _from_pandas}


def _name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _a(value: object) -> str:
    name = _name(value)
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"
