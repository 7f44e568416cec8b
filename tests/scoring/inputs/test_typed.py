"""run() with ordinary annotations: what it gets, what is refused and how, what OpenAPI says."""

import json

import numpy as np
import pytest

from mlmagic.scoring.http.request import BadInput, Request
from mlmagic.scoring.inputs.modes import PlainInput, learner_of
from mlmagic.scoring.outputs.json_encoder import encode
from mlmagic.scoring.script import ImportFailed, WarmupFailed

HEAD = """
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Annotated, Literal
import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, Field

class Item(BaseModel):
    top: int = Field(3, ge=1)

@dataclass
class Patient:
    name: str
    age: int | None = None

class Color(Enum):
    RED = "red"
"""


@pytest.fixture
def call(make_script):
    """Calls ``run`` with the signature given; it returns the type and the value of its first parameter."""

    def call(signature, body, *, content_type=b"application/json", method=b"POST", target=b"/score"):
        first = signature.split(":")[0].split("=")[0].strip()
        script = make_script(f"{HEAD}\ndef run({signature}): return {first}")
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return script.call(Request(method, target, {b"content-type": content_type}, raw))

    return call


@pytest.mark.parametrize(
    ("signature", "body", "value"),
    [
        ("n: int", {"n": 3}, 3),
        ("n: float", {"n": 3}, 3.0),
        ("n: int = 4", {}, 4),
        ("n: int | None", {"n": None}, None),
        ("words: list[str]", {"words": ["a"]}, ["a"]),
        ("table: dict[str, int]", {"table": {"a": 1}}, {"a": 1}),
        ("table: dict[str, int]", {"a": 1}, {"a": 1}),  # the value alone
        ("words: list[str]", ["a", "b"], ["a", "b"]),
        ("data: dict", {"data": [1]}, {"data": [1]}),
        ("data: dict", {"data": {"a": 1}}, {"a": 1}),
        ("mode: Literal['a', 'b']", {"mode": "b"}, "b"),
        ("n: Annotated[int, msgspec.Meta(ge=0)]", {"n": 0}, 0),
        ("b: bytes", {"b": "aGk="}, b"hi"),
    ],
)
def test_values(call, signature, body, value):
    assert call(signature, body) == value


def test_library_types(call):
    assert repr(call("p: Patient", {"p": {"name": "x"}})) == "Patient(name='x', age=None)"
    assert repr(call("p: Patient", {"name": "x", "age": 2})) == "Patient(name='x', age=2)"
    assert call("i: Item", {"i": {"top": 2}}).top == 2
    assert call("i: list[Item]", {"i": [{}]})[0].top == 3
    assert call("c: Color", {"c": "red"}).value == "red"
    assert str(call("d: date", {"d": "2021-02-03"})) == "2021-02-03"
    frame = call("t: pd.DataFrame", {"t": [{"a": 1, "b": "x"}]})
    assert frame.to_dict("records") == [{"a": 1, "b": "x"}]
    assert call("t: pd.DataFrame", {"t": {"columns": ["a"], "data": [[1]]}}).a.tolist() == [1]
    assert call("t: pd.DataFrame", {"t": {"a": [1, 2]}}).a.tolist() == [1, 2]
    assert call("t: pd.Series", {"t": [1, 2]}).sum() == 3


@pytest.mark.parametrize(
    ("signature", "data", "dtype"),
    [
        ("data: np.ndarray", [[1, 2]], "int64"),
        ("data: np.ndarray", [[1, 2.5]], "float64"),
        ("data: np.ndarray", ["a"], "<U1"),
        ("data: NDArray[np.float32]", [[1, 2]], "float32"),
        ("data: NDArray[np.int8]", [[1.0, 2.0]], "int8"),
        ("data: NDArray[np.floating]", [[1.5]], "float64"),
        ("data: NDArray[np.float64]", [], "float64"),
    ],
)
def test_arrays(call, signature, data, dtype):
    array = call(signature, {"data": data})
    assert array.dtype == dtype
    assert array.tolist() == data


@pytest.mark.parametrize("rows", [[[1.5, 2.5]] * 2000, [[1, 2]] * 4000, [0.25] * 5000, [[[1.0]]] * 4000])
def test_large_bodies_are_the_same(call, rows):
    array = call("data: np.ndarray", {"data": rows})
    assert array.dtype == np.asarray(rows).dtype
    assert np.array_equal(array, np.asarray(rows))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[1.0, 2.0]] * 3000 + [[1.0]], "rows of different lengths (row 3000 has 1 values, row 0 2)"),
        ([[1.0, 2.0]] * 3000 + [[1.0, None]], "an array of a number and null"),
        ([[1.0, 2.0]] * 3000 + [[[1.0, 2.0], []]], "rows of different shapes"),
    ],
)
def test_large_bodies_that_do_not_fit(call, rows, words):
    with pytest.raises(BadInput, match=words.replace("(", r"\(").replace(")", r"\)")):
        call("data: np.ndarray", {"data": rows})


@pytest.mark.parametrize(
    ("signature", "body", "words"),
    [
        ("n: int", {}, "A value is not provided for the 'n' parameter."),
        ("n: int", {"n": "x"}, "The 'n' parameter does not match its type: Expected int, got str."),
        ("n: int, m: int", [1], "The body is one value, and run() takes 2: n, m."),
        ("p: Patient", {"p": {"name": 1}}, "The 'p.name' parameter does not match its type: Expected str"),
        ("p: Patient", {"p": {}}, "Object missing required field name"),
        ("i: Item", {"i": {"top": 0}}, "The 'i.top' parameter does not match its type: Input should be g"),
        ("i: list[Item]", {"i": [{"top": "x"}]}, "The 'i[0].top' parameter does not match"),
        ("x: np.ndarray", {"x": [[1], [1, 2]]}, "rows of different lengths (row 1 has 2 values, row 0 1)"),
        ("x: NDArray[np.int64]", {"x": [1.5]}, "Expected an array of int64, got 1.5"),
        ("x: NDArray[np.int8]", {"x": [300]}, "Expected an array of int8, got 300"),
        ("x: NDArray[np.float64]", {"x": ["a"]}, "Expected an array of float64, got an array of text"),
        ("x: np.ndarray", {"x": {"a": 1}}, "Expected an array, got an object"),
        ("t: pd.DataFrame", {"t": 3}, "Expected a table"),
        ("words: list[str]", {"words": ["a", 1]}, "The 'words[1]' parameter"),
    ],
)
def test_what_does_not_fit_is_told(call, signature, body, words):
    with pytest.raises(BadInput) as refused:
        call(signature, body)
    assert words in str(refused.value)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("signature", "query", "value"),
    [
        ("n: int", b"n=3", 3),
        ("n: str", b"n=3", "3"),
        ("n: list[int]", b"n=3&n=4", [3, 4]),
        ("n: list[int]", b"n=[3,4]", [3, 4]),
        ("n: bool", b"n=true", True),
        ("n: float, word: str", b"n=3.5&word=a", 3.5),
    ],
)
def test_queries(call, signature, query, value):
    signature += "" if "word" in signature else ", other: int = 0"
    assert call(signature, b"", method=b"GET", target=b"/score?" + query) == value


@pytest.mark.parametrize("content_type", [b"", b"application/x-www-form-urlencoded", b"application/ld+json"])
def test_json_that_is_not_called_so(call, content_type):
    assert call("n: int", {"n": 3}, content_type=content_type) == 3


@pytest.mark.parametrize("signature", ["data", "data: str", "data: 'str'", "data: object", "x, y: int = 3"])
def test_text_stays_text(make_script, signature):
    typed = "int" in signature
    script = make_script(
        f"from __future__ import annotations\ndef init(): pass\ndef run({signature}) -> list: return 1"
    )
    assert isinstance(script.input, PlainInput) is not typed


@pytest.mark.parametrize("hint", ["Unheard", "'NoSuchName'"])
def test_an_annotation_that_no_json_becomes_is_passed_over(make_script, capfd, hint):
    script = make_script(f"class Unheard: pass\ndef run(data: {hint}): return data")
    assert isinstance(script.input, PlainInput)
    assert "it gets text" in capfd.readouterr().err


def test_headers_come_beside(make_script):
    script = make_script("def run(n: int, request_headers): return n, request_headers['X-Who']")
    request = Request(b"POST", b"/score", {b"content-type": b"application/json", b"x-who": b"me"}, b"3")
    assert script.call(request) == (3, "me")


class TestWarmup:
    def test_teaches_the_shape(self, make_script):
        script = make_script(
            f"{HEAD}\nwarmup = {{'data': [[1.0, 2.0]]}}\ndef run(data: np.ndarray): return data"
        )
        assert script.warm_up().tolist() == [[1.0, 2.0]]
        body = json.dumps({"data": [[1, 2, 3]]}).encode()
        with pytest.raises(BadInput, match=r"of shape \(any, 2\), got \(1, 3\)"):
            script.call(Request(b"POST", b"/score", {b"content-type": b"application/json"}, body))
        told = learner_of(script.input).describe()["input"]
        assert told["example"] == {"data": [[1.0, 2.0]]}
        assert told["properties"]["data"]["items"] == {"type": "array", "items": {"type": "number"}}

    @pytest.mark.parametrize("given", ["'text'", "{'a': 1}", "[1]", "lambda: 'text'"])
    def test_any_script_may_have_one(self, make_script, given):
        script = make_script(f"warmup = {given}\ndef run(data): return ['seen', data]")
        assert script.warm_up()[0] == "seen"

    @pytest.mark.parametrize("given", ["3", "None", "lambda model: model", "lambda: None"])
    def test_the_name_may_mean_something_else(self, make_script, given):
        assert make_script(f"warmup = {given}\ndef run(data): raise ValueError").warm_up() is None

    def test_one_that_fails_is_told(self, make_script):
        script = make_script("warmup = [1]\ndef run(data): raise ValueError('no')")
        with pytest.raises(WarmupFailed) as failed:
            script.warm_up()
        assert failed.value.record()["phase"] == "warmup"


class TestClasses:
    SCRIPT = "class Model:\n  def init(self): self.n = 2\n  def run(self, data: int): return data * self.n\n"

    def test_one_with_init_and_run_is_the_script(self, make_script):
        script = make_script(self.SCRIPT)
        script.init()
        assert script.call(Request(b"POST", b"/score", {b"content-type": b"application/json"}, b"4")) == 8

    def test_two_are_one_too_many(self, make_script):
        with pytest.raises(ImportFailed, match="Model and Other both have"):
            make_script(self.SCRIPT + "class Other(Model): pass")


@pytest.mark.parametrize(
    ("signature", "body", "value"),
    [
        ("text: str, lang: str = 'en'", {"text": "a", "lang": "de"}, ["a", "de"]),
        ("text: str, lang: str = 'en'", {"text": "a"}, ["a", "en"]),
        ("text, lang: str = 'en'", {"text": "a", "lang": "de"}, ["a", "de"]),
        ("first: str, second: str", {"first": "a", "second": "b"}, ["a", "b"]),
        ("first: str, second: object", {"first": "a", "second": [1]}, ["a", [1]]),
        ("n: int, more: object = None", {"n": 1, "more": {"x": 2**70}}, [1, {"x": 2**70}]),
        ("n: int, m: int = 0", {"n": 2**70, "m": -(2**64)}, [2**70, -(2**64)]),
        ("data: dict, m: int = 0", {"data": {"n": 2**70}}, [{"n": 2**70}, 0]),
    ],
)
def test_every_annotated_parameter_gets_its_value(make_script, signature, body, value):
    names = [part.split(":")[0].split("=")[0].strip() for part in signature.split(",")]
    script = make_script(f"{HEAD}\ndef run({signature}): return [{', '.join(names)}]")
    request = Request(b"POST", b"/score", {b"content-type": b"application/json"}, json.dumps(body).encode())
    assert script.call(request) == value


@pytest.mark.parametrize(
    ("signature", "body", "value"),
    [
        ("data: dict = {}", {"a": 1}, {"a": 1}),
        ("data: dict = {}", {}, {}),
        ("data: dict = {}", {"data": [1]}, {"data": [1]}),
        ("data: dict | None = None", {"a": 1}, {"a": 1}),
        ("data: dict | None = None", {"data": [1]}, {"data": [1]}),
        ("data: dict | None = None", {"data": None}, None),
        ("data: dict[str, int] | None = None", {"data": {"a": 1}}, {"a": 1}),
        ("words: list[str] = []", ["a"], ["a"]),
        ("words: list[str] = []", {"words": ["a"]}, ["a"]),
        ("n: int = 3", {}, 3),
        ("n: int = 3", 4, 4),
    ],
)
def test_one_parameter_with_a_default_gets_the_body(call, signature, body, value):
    assert call(signature, body) == value


def test_one_optional_model_gets_the_body(call):
    assert call("p: Patient | None = None", {"name": "x"}).name == "x"
    assert call("i: Item | None = None", {"top": 4}).top == 4


@pytest.mark.parametrize(
    ("signature", "body"),
    [
        ("n: int = 3", {"m": 4}),
        ("n: int = 3, m: int = 4", {"k": 1}),
        ("words: list[str] = []", {"word": "a"}),
        ("text: str = '', lang: str = 'en'", {"language": "de"}),
    ],
)
def test_a_body_with_none_of_the_names_is_refused(call, signature, body):
    with pytest.raises(BadInput, match="The body has none of the parameters of run"):
        call(signature, body)


RULES = """
import annotated_types, decimal
from typing import NamedTuple, Optional
from pydantic import AfterValidator, EmailStr, PositiveInt, SecretStr
import pydantic.dataclasses
from typing_extensions import TypedDict

@dataclass
class Order:
    amount: Annotated[int, Field(gt=0)]
    note: Annotated[str, Field(max_length=3)] = ""

@pydantic.dataclasses.dataclass
class Checked:
    amount: PositiveInt

class Keys(TypedDict):
    amount: Annotated[int, annotated_types.Gt(0)]

class Pair(NamedTuple):
    amount: Annotated[int, Field(gt=0)]

class Own:
    def __init__(self, amount):
        self.amount = amount
    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        from pydantic_core import core_schema
        return core_schema.no_info_plain_validator_function(lambda value: cls(int(value)))

class Holder(BaseModel):
    own: Own

@dataclass
class Defaults:
    array: object = None
    scale: float = np.float64(1.5)
    tags: decimal.Decimal = decimal.Decimal("1.5")

def even(n):
    if n % 2:
        raise ValueError("must be even")
    return n
"""


@pytest.mark.parametrize(
    ("annotation", "good", "bad", "words"),
    [
        ("Annotated[int, Field(ge=0)]", 0, -1, "Input should be greater than or equal to 0"),
        ("PositiveInt", 1, 0, "greater than 0"),
        ("Annotated[int, annotated_types.Lt(3)]", 2, 3, "less than 3"),
        ("Annotated[list[int], annotated_types.Len(1, 2)]", [1], [], "at least 1"),
        ("list[Annotated[int, Field(ge=0)]]", [0], [-1], r"The 'x\[0\]' parameter"),
        ("dict[str, Annotated[int, Field(ge=0)]]", {"a": 0}, {"a": -1}, "The 'x.a' parameter"),
        ("Annotated[int, Field(ge=0)] | None", None, -1, "greater than or equal to 0"),
        ("Annotated[str, Field(pattern='^a')]", "ab", "b", "match pattern"),
        ("Annotated[int, AfterValidator(even)]", 2, 3, "must be even"),
        ("Order", {"amount": 1}, {"amount": 0}, "The 'x.amount' parameter"),
        ("list[Order]", [{"amount": 1, "note": "abc"}], [{"amount": 1, "note": "abcd"}], "at most 3"),
        ("Checked", {"amount": 1}, {"amount": 0}, "greater than 0"),
        ("Keys", {"amount": 1}, {"amount": 0}, "greater than 0"),
        ("Pair", [1], [0], "greater than 0"),
        ("SecretStr", "a", 1, "valid string"),
        ("Own", "3", "x", "parameter does not match its type"),
        ("Holder", {"own": 3}, {}, "Field required"),
        ("Defaults", {"scale": 2}, {"scale": "x"}, "Expected float"),
    ],
)
def test_constraints_are_checked(make_script, annotation, good, bad, words):
    script = make_script(f"{HEAD}{RULES}\ndef run(x: {annotation}): return 'good'")

    def call(value):
        body = json.dumps({"x": value}).encode()
        return script.call(Request(b"POST", b"/score", {b"content-type": b"application/json"}, body))

    assert call(good) == "good"
    with pytest.raises(BadInput, match=words):
        call(bad)
    json.dumps(learner_of(script.input).describe())


def test_constraints_that_cannot_be_checked_are_refused(make_script):
    with pytest.raises(ImportFailed, match=r"constraints in the annotation .* cannot be checked"):
        make_script(
            f"{HEAD}\nclass S(msgspec.Struct):\n    a: Annotated[int, Field(ge=0)]\ndef run(s: S): pass"
        )


def test_an_answer_is_described_as_it_is_written(make_script):
    script = make_script(
        f"{HEAD}\nfrom pydantic import computed_field\n"
        "class Out(BaseModel):\n"
        "    a: int\n"
        "    @computed_field\n"
        "    @property\n"
        "    def double(self) -> int: return 2 * self.a\n"
        "def run(n: int) -> Out: return Out(a=n)"
    )
    described = learner_of(script.input).describe()
    assert set(described["output"]["properties"]) == {"a", "double"}


@pytest.mark.parametrize(
    ("signature", "body", "answer"),
    [
        ("p: Patient", {"p": {"name": "x"}}, {"name": "x", "age": None}),
        ("p: list[Patient]", {"p": [{"name": "x"}]}, [{"name": "x", "age": None}]),
        ("p: dict[str, Patient] | None", {"p": {"a": {"name": "x"}}}, {"a": {"name": "x", "age": None}}),
        ("p: tuple[Patient, int]", {"p": [{"name": "x"}, 1]}, [{"name": "x", "age": None}, 1]),
        (
            "p: Ward",
            {"p": {"of": {"a": [{"name": "x"}]}}},
            {"of": {"a": [{"name": "x", "age": None}]}, "beds": 4},
        ),
        ("p: Room", {"p": {"first": {"name": "x"}}}, {"first": {"name": "x", "age": None}, "n": 1}),
    ],
)  # fmt: skip
def test_defaults_of_dataclasses_are_in_the_instance(make_script, signature, body, answer):
    kinds = """
@dataclass(frozen=True)
class Ward:
    of: dict[str, list[Patient]]
    beds: int = 4

class Room(msgspec.Struct):
    first: Patient
    n: int = 1
"""
    script = make_script(f"{HEAD}{kinds}\ndef run({signature}): return p")
    raw = json.dumps(body).encode()
    given = script.call(Request(b"POST", b"/score", {b"content-type": b"application/json"}, raw))
    assert json.loads(encode(given)) == answer
