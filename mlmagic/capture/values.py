"""Values that can be written as source: literals, and small standard objects made of literals."""

from __future__ import annotations

import ast
import collections
import dataclasses
import datetime
import decimal
import fractions
import logging
import math
import pathlib
import re
import sys
import types
import typing
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

INLINE_LIMIT = 10_000
"""Characters of source code that are captured without ``--carry``."""
CARRY_LIMIT = 10_000_000
"""Characters of source that ``--carry`` allows."""
_DEPTH = 60  # Python's parser gives up near 100 brackets


class NotSource(Exception):
    """A value cannot be written as source."""


@dataclass(frozen=True, slots=True)
class Expression:
    """Source of a value, and the modules it needs to be imported by name."""

    text: str
    modules: frozenset[str] = frozenset()


Refer = Callable[[object], str]
"""Source that means an object by its name, or ``""``."""


def express(
    value: object, refer: Refer = lambda value: "", shared: Mapping[int, str] = MappingProxyType({})
) -> Expression:
    """Source that makes ``value`` again; raises `NotSource`.

    ``refer`` is asked for what is no literal, such as the functions in a table of functions. Objects in
    ``value`` whose `id` is in ``shared`` are written as the name there.
    """
    modules: set[str] = set()
    text = _write(value, modules, refer, shared)
    _check_round_trip(text, value)
    return Expression(text, frozenset(modules))


def _check_round_trip(text: str, value: object) -> None:
    try:
        again = ast.literal_eval(text)
        if type(again) is not type(value) or again != value:
            raise NotSource
    except (SyntaxError, MemoryError, RecursionError) as error:
        raise NotSource from error
    except ValueError:
        pass  # names and calls, such as frozenset(...) or float('nan'), which literal_eval does not make


def _write(value: object, modules: set[str], refer: Refer, shared: Mapping[int, str], depth: int = 0) -> str:
    if depth and (name := shared.get(id(value))):
        return name
    writer = _WRITERS.get(type(value))
    if writer is not None:
        return writer(value)
    if depth > _DEPTH:
        raise NotSource

    def inner(item: object) -> str:
        return _write(item, modules, refer, shared, depth + 1)

    container = _CONTAINERS.get(type(value))
    if container is not None:
        return container(value, inner)
    for kind, (module, write) in _OBJECTS.items():
        if type(value) is kind or (kind in _FAMILIES and isinstance(value, kind)):
            modules.add(module)
            return write(value, inner)
    if text := _number_of_numpy(value, inner):
        modules.add("numpy")
        return text
    # Optional[int], Callable[..., int]: their own types are private to typing.
    if type(value).__module__ == "typing" and type(value).__name__.endswith("GenericAlias"):
        modules.add("typing")
        return _alias(value, inner)
    if text := refer(value) or _record(value, inner, refer):
        return text
    raise NotSource


def _number_of_numpy(value: Any, inner: Callable[[object], str]) -> str:
    """A number, truth value or text of numpy; "" for others. A value of numpy is there only if numpy is."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.generic) or type(value).__module__ != "numpy":
        return ""
    item = value.item()
    if type(item) not in (bool, int, float, complex, str) or value.dtype.char in "gG":
        return ""  # more digits than Python's
    name = "bool_" if value.dtype.kind == "b" else type(value).__name__
    return f"numpy.{name}({inner(item)})"


def _record(value: Any, inner: Callable[[object], str], refer: Refer) -> str:
    """A named tuple or a dataclass made again from its fields; "" when ``value`` is neither."""
    kind = type(value)
    if isinstance(value, tuple) and hasattr(kind, "_field_defaults") and kind.__bases__ == (tuple,):
        name = refer(kind)
        return name and f"{name}({_joined(value, inner)})"
    if not dataclasses.is_dataclass(kind) or not vars(kind)["__dataclass_params__"].init:
        return ""
    fields = dataclasses.fields(value)
    extra = set(getattr(value, "__dict__", ())) - {each.name for each in fields}
    if extra or hasattr(kind, "__post_init__") or not all(each.init for each in fields):
        return ""
    name = refer(kind)
    return (
        name and f"{name}({', '.join(f'{each.name}={inner(getattr(value, each.name))}' for each in fields)})"
    )


def _integer(value: Any) -> str:
    # Beyond 4300 digits the decimal form is refused by Python itself.
    return repr(value) if value.bit_length() < 10_000 else hex(value)


def _float(value: Any) -> str:
    return repr(value) if math.isfinite(value) else f"float({str(value)!r})"


def _complex(value: Any) -> str:
    return f"complex({_float(value.real)}, {_float(value.imag)})"


_WRITERS: dict[type, Callable[[Any], str]] = {
    type(None): repr,
    type(...): repr,
    bool: repr,
    int: _integer,
    float: _float,
    complex: _complex,
    str: repr,
    bytes: repr,
    bytearray: repr,
    range: repr,
}

_Inner = Callable[[object], str]


def _joined(items: Iterable[object], inner: _Inner) -> str:
    return ", ".join([inner(item) for item in items])


def _tuple(value: Any, inner: _Inner) -> str:
    return f"({inner(value[0])},)" if len(value) == 1 else f"({_joined(value, inner)})"


def _dict(value: Any, inner: _Inner) -> str:
    return "{" + ", ".join([f"{inner(key)}: {inner(item)}" for key, item in value.items()]) + "}"


def _set(value: Any, inner: _Inner) -> str:
    # Sorted by their source: the same set is always the same script.
    return "{" + ", ".join(sorted(inner(item) for item in value)) + "}" if value else "set()"


def _frozenset(value: Any, inner: _Inner) -> str:
    return f"frozenset({_set(value, inner)})" if value else "frozenset()"


def _slice(value: Any, inner: _Inner) -> str:
    return f"slice({_joined((value.start, value.stop, value.step), inner)})"


_CONTAINERS: dict[type, Callable[[Any, _Inner], str]] = {
    list: lambda value, inner: f"[{_joined(value, inner)}]",
    tuple: _tuple,
    dict: _dict,
    set: _set,
    frozenset: _frozenset,
    slice: _slice,
}


def _path(value: Any, inner: _Inner) -> str:
    name = next(kind.__name__ for kind in type(value).__mro__ if kind.__name__ in _PATHS)
    return f"pathlib.{_PATHS[name]}({str(value)!r})"


_PATHS = {"PosixPath": "Path", "WindowsPath": "Path", "Path": "Path"} | {
    name: name for name in ("PurePosixPath", "PureWindowsPath")
}


def _pattern(value: Any, inner: _Inner) -> str:
    flags = value.flags & ~(re.UNICODE if isinstance(value.pattern, str) else 0)
    return f"re.compile({value.pattern!r}" + (f", {int(flags)})" if flags else ")")


def _logger(value: Any, inner: _Inner) -> str:
    return "logging.getLogger()" if value is logging.root else f"logging.getLogger({value.name!r})"


def _defaultdict(value: Any, inner: _Inner) -> str:
    factory = value.default_factory
    if factory is not None and factory not in (int, float, str, bool, list, dict, set, tuple):
        raise NotSource
    made = factory.__name__ if factory else "None"
    return f"collections.defaultdict({made}, {_dict(value, inner)})"


def _plain(value: Any, inner: _Inner | None = None) -> str:
    return repr(value)


def _moment(value: Any, inner: _Inner) -> str:
    if value.tzinfo is not None and type(value.tzinfo) is not datetime.timezone:
        raise NotSource
    return repr(value)


def _alias(value: Any, inner: _Inner) -> str:
    try:
        same = eval(repr(value), {"typing": typing}) == value
    except Exception as error:  # a class of the notebook in it, say
        raise NotSource from error
    if not same:
        raise NotSource
    return repr(value)


def _type_variable(value: Any, inner: _Inner) -> str:
    if value.__bound__ or value.__constraints__ or value.__covariant__ or value.__contravariant__:
        raise NotSource
    return f"typing.TypeVar({value.__name__!r})"


_OBJECTS: dict[type, tuple[str, Callable[[Any, _Inner], str]]] = {
    pathlib.PurePath: ("pathlib", _path),
    datetime.datetime: ("datetime", _moment),
    datetime.time: ("datetime", _moment),
    datetime.date: ("datetime", _plain),
    datetime.timedelta: ("datetime", _plain),
    datetime.timezone: ("datetime", _plain),
    decimal.Decimal: ("decimal", lambda value, inner: f"decimal.{value!r}"),
    fractions.Fraction: ("fractions", lambda value, inner: f"fractions.{value!r}"),
    uuid.UUID: ("uuid", lambda value, inner: f"uuid.{value!r}"),
    re.Pattern: ("re", _pattern),
    logging.Logger: ("logging", _logger),
    logging.RootLogger: ("logging", _logger),
    types.GenericAlias: ("typing", _alias),
    types.UnionType: ("typing", _alias),
    typing.TypeVar: ("typing", _type_variable),
    collections.OrderedDict: (
        "collections",
        lambda value, inner: f"collections.OrderedDict({inner(list(value.items()))})",
    ),
    collections.Counter: ("collections", lambda value, inner: f"collections.Counter({_dict(value, inner)})"),
    collections.defaultdict: ("collections", _defaultdict),
}
_FAMILIES = (pathlib.PurePath,)
