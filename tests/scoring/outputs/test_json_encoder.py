import json
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePosixPath

import attrs
import msgspec
import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlmagic.scoring.outputs.json_encoder import Unserialisable, encode, encode_request

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@dataclass
class Point:
    x: int
    label: object = None


class Colour(Enum):
    RED = "red"


def decoded(value):
    return json.loads(encode(value))


@pytest.mark.together
@given(VALUES.filter(lambda value: value is not None))
def test_json_comes_back_as_it_went(value):
    assert decoded(value) == value


@given(st.dictionaries(st.integers() | st.booleans() | st.none() | st.text(), st.integers()))
@example({None: 0, "null": 1})
def test_any_plain_key_is_written_as_json_writes_it_unless_two_become_one(value):
    written = [(name, number) for each, number in value.items() for name in json.loads(json.dumps({each: 0}))]
    if len(dict(written)) < len(written):
        with pytest.raises(Unserialisable, match="several keys that are"):
            encode(value)
    else:
        assert decoded(value) == dict(written)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, {}),
        ("text", "text"),
        ('{"a": 1}', '{"a": 1}'),
        ([float("nan"), float("inf")], [None, None]),
        (np.arange(3), [0, 1, 2]),
        (np.arange(6).reshape(2, 3).T, [[0, 3], [1, 4], [2, 5]]),
        (np.array(["a", None], dtype=object), ["a", None]),
        (np.array(["a", "b"]), ["a", "b"]),
        ({"n": np.int64(2**40), 1: np.int64(3)}, {"n": 2**40, "1": 3}),
        ([2**70, np.int64(5), np.float32(0.5), np.bool_(True)], [2**70, 5, 0.5, True]),
        (np.array([np.nan, 1.0]), [None, 1.0]),
        (np.float16(0.5), 0.5),
        (pd.DataFrame({"a": [1, 2], "b": ["x", None]}), [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
        (pd.Series([1.5, np.nan]), [1.5, None]),
        (pd.Index([1, 2]), [1, 2]),
        (pd.Timestamp("2026-01-02"), "2026-01-02T00:00:00"),
        ([pd.NaT, pd.NA], [None, None]),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        ([date(2026, 1, 2), 2**64], ["2026-01-02", 2**64]),
        (timedelta(seconds=90), 90.0),
        ([Decimal("1.5"), Fraction(1, 4), Decimal("nan")], [1.5, 0.25, None]),
        (b"\x00\xff", "AP8="),
        ({3, 1, 2}, [1, 2, 3]),
        ((i * i for i in range(3)), [0, 1, 4]),
        ({"a": iter([2**70])}, {"a": [2**70]}),
        ({"a": 1}.values(), [1]),
        (range(3), [0, 1, 2]),
        (Point(1, {1}), {"x": 1, "label": [1]}),
        ([Point(1), 2**64], [{"x": 1, "label": None}, 2**64]),
        ([Colour.RED, 2**64], ["red", 2**64]),
        ([uuid.UUID(int=1), 2**64], ["00000000-0000-0000-0000-000000000001", 2**64]),
        ({True: "b", None: "c", 1.5: "d"}, {"true": "b", "null": "c", "1.5": "d"}),
        (PurePosixPath("a/b"), "a/b"),
        ("\ud800", "\ud800"),
    ],
)
def test_what_a_model_returns_is_written(value, expected):
    assert decoded(value) == expected


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (2j, "a complex"),
        ({"a": [1, 2j]}, "a complex, which cannot be written as JSON (at answer['a'][1])"),
        (object(), "an object"),
        (Point, "type"),
        ({(1, 2): 3}, "tuple as a key"),
        (np.complex64(1), "a complex"),
    ],
)
def test_what_cannot_be_written_is_named(value, says):
    with pytest.raises(Unserialisable) as caught:
        encode(value)
    assert says in str(caught.value)


def test_a_loop_is_named():
    value = []
    value.append(value)
    with pytest.raises(Unserialisable, match="contains itself"):
        encode(value)


def test_what_a_generator_raises_is_the_scripts_own():
    def values():
        yield 1
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        encode({"a": values()})


class Item(pydantic.BaseModel):
    price: float
    made: datetime = datetime(2026, 1, 2)
    code: str = pydantic.Field("x", serialization_alias="Code")

    @pydantic.computed_field
    @property
    def double(self) -> float:
        return 2 * self.price


class Struct(msgspec.Struct, rename={"a": "A"}):
    a: int
    item: object = None
    array: object = None


@attrs.define
class Attributed:
    a: int
    when: date = date(2026, 1, 2)
    _hidden: int = 1


class WithArray(pydantic.BaseModel, arbitrary_types_allowed=True):
    array: np.ndarray


class Numbers(pydantic.RootModel[list[int]]):
    pass


ITEM = {"price": 2.0, "made": "2026-01-02T00:00:00", "Code": "x", "double": 4.0}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Item(price=2), ITEM),
        ([Item(price=2)], [ITEM]),
        ({"a": {"b": (Item(price=2),)}}, {"a": {"b": [ITEM]}}),
        (Point(1, Item(price=2)), {"x": 1, "label": ITEM}),
        ({1: Item(price=2), "n": 2**70}, {"1": ITEM, "n": 2**70}),
        (Numbers([1, 2]), [1, 2]),
        (WithArray(array=np.arange(2)), {"array": [0, 1]}),
        (Struct(1), {"A": 1, "item": None, "array": None}),
        (
            [Struct(1, Item(price=2), np.array([1.5]))],
            [{"A": 1, "item": ITEM, "array": [1.5]}],
        ),
        (Attributed(1), {"a": 1, "when": "2026-01-02"}),
        ({"x": [Attributed(1)]}, {"x": [{"a": 1, "when": "2026-01-02"}]}),
    ],
)
def test_models_of_libraries_are_written_as_their_library_does(value, expected):
    assert decoded(value) == expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "a DataFrame with several columns named 'a'"),
        ({"t": [pd.DataFrame([[1, 2]], columns=["a", "a"])]}, "several columns named 'a'"),
        ({1: "a", "1": "b"}, "a dict with several keys that are '1' as text"),
        ([{None: 1, "null": 2}], "several keys that are 'null' as text"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "a DataFrame with several columns named '1'"),
    ],
)
def test_nothing_is_lost_in_silence(value, words):
    with pytest.raises(Unserialisable, match=words):
        encode(value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ([float("nan"), None], b"[NaN,null]"),
        ({"a": np.array([np.inf, np.nan])}, b'{"a":[Infinity,NaN]}'),
        (pd.DataFrame({"a": [np.nan]}), b'[{"a":NaN}]'),
        ([None, 2**70, {1}], b"[null,1180591620717411303424,[1]]"),
        (None, b"null"),
    ],
)
def test_a_request_keeps_what_is_no_number(value, written):
    assert encode_request(value) == written
