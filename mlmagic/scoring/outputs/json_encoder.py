"""What run() returned, as JSON; and the data of a request, by the same rules.

orjson writes what it knows; `simpler` explains the rest one step at a time (arrays, tables, sets, decimals,
bytes, the models of pydantic, msgspec and attrs). What orjson refuses for good reasons of its own (integers
beyond 64 bits, an iterator, which can be read only once) takes the slow way through `plain`.
"""

from __future__ import annotations

import binascii
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set, ValuesView
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from enum import Enum
from math import isfinite
from typing import Any

import orjson

JSON = "application/json"


class Unserialisable(TypeError):
    """A value that JSON cannot hold, at ``path`` of what is to be written."""

    def __init__(self, what: str, path: str = "") -> None:
        self.what, self.path = what, path
        super().__init__(what, path)

    def __str__(self) -> str:
        where = f" (at answer{self.path})" if self.path else ""
        return f"run() returned {self.what}, which cannot be written as JSON{where}."

    def placed(self, whole: str) -> str:
        """What it is, and where in ``whole``."""
        return f"{self.what} at {whole}{self.path}" if self.path else self.what

    def inside(self, key: object) -> Unserialisable:
        """The same, seen from the container that holds it under ``key``."""
        return Unserialisable(self.what, f"[{key!r}]{self.path}")


def encode(result: object) -> bytes:
    """The body of an answer; NaN becomes null.

    Raises `Unserialisable`, or what the user's own iterator raises.
    """
    if result is None:
        return b"{}"
    written = _quickly(result)
    return written if written is not None else _carefully(result)


def encode_request(data: object) -> bytes:
    """The JSON body of a request. Unlike in an answer, NaN and infinity stay what they are.

    JSON has no such numbers; Python's ``json`` writes and reads them as ``NaN`` and ``Infinity``, and so do
    clients of Azure ML v1. Raises `Unserialisable`.
    """
    written = _quickly(data)
    # A null may have been None, or a NaN.
    return written if written is not None and b"null" not in written else _carefully(data, nan=True)


def _quickly(value: object) -> bytes | None:
    """``value`` as orjson writes it; None if that is not possible."""
    # The option makes orjson import numpy: only for those who have it already.
    option = orjson.OPT_SERIALIZE_NUMPY if "numpy" in sys.modules else 0
    try:
        return orjson.dumps(value, simpler, option)
    except TypeError:
        pass
    try:
        _check_keys(value)
        return orjson.dumps(value, simpler, option | orjson.OPT_NON_STR_KEYS)
    except (TypeError, RecursionError):
        return None


def _carefully(value: object, *, nan: bool = False) -> bytes:
    try:
        simple = plain(value, nan=nan)
        return json.dumps(simple, separators=(",", ":"), allow_nan=nan).encode()
    except RecursionError:
        raise Unserialisable(f"a {_name(value)} that contains itself or is nested too deeply") from None


def _repeated(names: Iterable[str]) -> str | None:
    """The first of ``names`` that is there more than once."""
    return next((name for name, count in Counter(names).items() if count > 1), None)


def _check_keys(value: object) -> None:
    """Raises `Unserialisable` for a dict with two keys that are one text, such as 1 and "1"."""
    if isinstance(value, dict):
        _keys(value)
        for each in value.values():
            _check_keys(each)
    elif isinstance(value, list | tuple):
        for each in value:
            _check_keys(each)


def _keys(value: dict[Any, Any]) -> list[str]:
    """The keys of ``value`` as text. Raises `Unserialisable` if two of them are the same."""
    keys = [_key(key) for key in value]
    if (twice := _repeated(keys)) is not None:
        raise Unserialisable(f"a {_name(value)} with several keys that are {twice!r} as text")
    return keys


def simpler(value: Any) -> Any:
    """``value`` one step closer to JSON. Raises `Unserialisable`."""
    if isinstance(value, bytes | bytearray | memoryview):
        return binascii.b2a_base64(value, newline=False).decode("ascii")
    for library in ("numpy", "pandas"):
        # Nobody can return a value of a library that is not there yet.
        if library in sys.modules and (step := _LIBRARIES[library](value, sys.modules[library])) is not value:
            return step
    if (fields := _fields_of(value)) is not None:
        return fields
    if callable(getattr(value, "as_integer_ratio", None)):  # Decimal, Fraction, subclasses of float
        return float(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        _check_keys(found := dict(value))
        return found
    if isinstance(value, Set):
        return _in_order(value)
    if isinstance(value, Sequence | ValuesView):
        return list(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if callable(tolist := getattr(value, "tolist", None)):
        return tolist()
    raise Unserialisable(_a(value))


def plain(value: Any, *, nan: bool = False) -> Any:
    """``value`` as dicts with text keys, lists, text, finite numbers, booleans and None.

    With ``nan``, numbers that are not finite stay. Raises `Unserialisable`.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return plain(value.value, nan=nan)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if nan or isfinite(value) else None
    if isinstance(value, dict):
        items = zip(_keys(value), value.values(), strict=True)
        return {key: _plain_at(key, item, nan) for key, item in items}
    if isinstance(value, list | tuple | Iterator):
        return [_plain_at(index, item, nan) for index, item in enumerate(value)]
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if not field.name.startswith("_")]
        return {name: _plain_at(name, getattr(value, name), nan) for name in names}
    if type(value).__name__ == "UUID":
        return str(value)
    return plain(simpler(value), nan=nan)


def _plain_at(key: object, value: object, nan: bool) -> Any:
    try:
        return plain(value, nan=nan)
    except Unserialisable as error:
        raise error.inside(key) from None


def _key(key: object) -> str:
    if isinstance(key, str):
        return str(key)
    simple = plain(key)
    if isinstance(simple, list | dict):
        raise Unserialisable(f"a dict with a {_name(key)} as a key")
    return simple if isinstance(simple, str) else json.dumps(simple)


def _fields_of(value: Any) -> Any | None:
    """The values of a model of pydantic, msgspec or attrs, as its library writes them; None for others."""
    kind = type(value)
    if (serializer := getattr(kind, "__pydantic_serializer__", None)) is not None:
        return serializer.to_python(value, mode="json", by_alias=True, fallback=simpler)
    if "pydantic.v1" in sys.modules and isinstance(value, sys.modules["pydantic.v1"].BaseModel):
        return json.loads(value.json(by_alias=True))
    if hasattr(kind, "__struct_fields__"):
        import msgspec

        return msgspec.to_builtins(value, enc_hook=simpler, str_keys=True)
    if (attributes := getattr(kind, "__attrs_attrs__", None)) is not None:
        return {each.name: getattr(value, each.name) for each in attributes if each.name[0] != "_"}
    return None


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
        if (twice := _repeated(map(str, value.columns))) is not None:
            raise Unserialisable(f"a DataFrame with several columns named {twice!r}")
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
