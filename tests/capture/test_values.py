from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import importlib
import logging
import math
import pathlib
import re
import uuid
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmagic.capture.script import capture
from mlmagic.capture.values import NotSource, express

CELL = "def init(): ...\ndef run(data): return value\n"

atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text(st.characters())
    | st.binary()
    | st.just(...)
)
hashables = st.recursive(
    atoms.filter(lambda value: value == value),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=6,
)
literals = st.recursive(
    atoms | hashables,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(hashables, inner, max_size=3)
        | st.sets(hashables, max_size=3)
        | st.builds(lambda item: (item,), inner)
    ),
    max_leaves=10,
)


def made(value: object) -> Any:
    found = express(value)
    return eval(found.text, {name: importlib.import_module(name) for name in found.modules})


def same(one: Any, other: Any) -> bool:
    """Equal, of equal types all the way down; NaN is NaN, and zeros keep their signs."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return repr(one) == repr(other)
    if isinstance(one, complex):
        return same(one.real, other.real) and same(one.imag, other.imag)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.values()), list(other.values())) and list(one) == list(other)
    return bool(one == other)


@pytest.mark.together
@settings(max_examples=60, deadline=None)
@given(literals)
def test_any_literal_comes_back_as_it_was(value: object) -> None:
    script = capture("svc", CELL, {"value": value}, carry=("value",))
    namespace: dict[str, Any] = {}
    exec(script.source, namespace)
    assert same(namespace["run"](None), value)


@pytest.mark.parametrize(
    "value",
    [
        range(0, 10, 3),
        slice(1, None),
        bytearray(b"x"),
        -0.0,
        10**5000,
        "\ud800",
        pathlib.PurePosixPath("/a/b"),
        pathlib.Path("data/x.csv"),
        datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC),
        datetime.date(2026, 1, 2),
        datetime.timedelta(days=1, microseconds=3),
        decimal.Decimal("1.10"),
        fractions.Fraction(1, 3),
        uuid.UUID(int=7),
        re.compile(r"a(\d+)", re.IGNORECASE | re.VERBOSE),
        re.compile(rb"x", re.DOTALL),
        logging.getLogger("svc"),
        collections.OrderedDict(b=1, a=[2]),
        collections.Counter("aab"),
        collections.defaultdict(list, {"a": [1]}),
        [pathlib.Path("x"), {"at": datetime.date(2026, 1, 1)}],
    ],
    ids=lambda value: type(value).__name__,
)
def test_small_standard_objects_are_literals_too(value: object) -> None:
    again = made(value)
    assert type(again) is type(value)
    assert again == value


def test_nan_and_infinity() -> None:
    again = made([math.nan, math.inf, -math.inf, complex(math.nan, -0.0)])
    assert math.isnan(again[0])
    assert again[1:3] == [math.inf, -math.inf]
    assert math.copysign(1, again[3].imag) == -1


class Subclass(dict):  # type: ignore[type-arg]
    pass


def itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "value",
    [object(), Subclass(), itself(), [object()], open, (i for i in ()), collections.defaultdict(lambda: 1)],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_literal_is_not_written(value: object) -> None:
    with pytest.raises(NotSource):
        express(value)


@pytest.mark.parametrize(
    "value",
    [
        np.float64(2.5),
        np.float32(0.1),
        np.float16(1.5),
        np.float64("nan"),
        np.float64("-inf"),
        np.int8(-3),
        np.uint64(2**64 - 1),
        np.bool_(True),
        np.complex64(1 + 2j),
        np.str_("a'b"),
    ],
)
def test_numbers_of_numpy_come_back_as_they_were(value: Any) -> None:
    again = made({"a": [value]})["a"][0]
    assert type(again) is type(value)
    assert repr(again) == repr(value)


@pytest.mark.parametrize("value", [np.longdouble(1) / 3, np.datetime64("2020-01-01"), np.arange(2)])
def test_other_values_of_numpy_are_no_source(value: Any) -> None:
    with pytest.raises(NotSource):
        express(value)
