"""The parameter types: what they make of JSON, and how they describe themselves."""

import datetime
import decimal
import json
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmagic.scoring.inputs.modes import schema_of
from mlmagic.scoring.shims.numpy_type import NumpyParameterType
from mlmagic.scoring.shims.pandas_type import ORIENTS, PandasParameterType
from mlmagic.scoring.shims.schema import input_schema, output_schema
from mlmagic.scoring.shims.schema_util import (
    get_input_schema,
    get_output_schema,
    get_schemas_dict,
    get_supported_versions,
    is_schema_decorated,
)
from mlmagic.scoring.shims.spark_type import SparkParameterType
from mlmagic.scoring.shims.standard_type import StandardPythonParameterType as Standard
from mlmagic.scoring.shims.types import AbstractParameterType, Mismatch

NEW_YEAR = datetime.datetime(2020, 1, 1)
RECORD = np.dtype([("name", "U10"), ("age", "i4")])


@pytest.mark.parametrize(
    ("sample", "given", "made"),
    [
        (np.array([1]), [1.7, 2], np.array([1, 2])),
        (np.array([1.0], dtype="float32"), [1, None], np.array([1, np.nan], dtype="float32")),
        (np.array([True]), [True, False], np.array([True, False])),
        (np.array(["ab"]), ["longer"], np.array(["longer"])),
        (np.array(["2020"], "M8[s]"), ["2021-02-03T04:05Z"], np.array(["2021-02-03T04:05"], "M8[s]")),
        (np.array([1], dtype="m8[s]"), [90, "2 minutes", None], np.array([90, 120, "NaT"], dtype="m8[s]")),
        (np.array([("a", 1)], RECORD), [{"age": 2, "name": "b"}], np.array([("b", 2)], RECORD)),
        (np.array([("a", 1)], RECORD), [["b", 2]], np.array([("b", 2)], RECORD)),
        (np.zeros((1, 2, 2)), [[[1, 2], [3, 4]]] * 3, np.array([[[1.0, 2], [3, 4]]] * 3)),
        (np.zeros((0, 2)), [[1, 2]], np.array([[1.0, 2]])),
        (np.array([1]), np.array([3]), np.array([3])),
    ],
)  # fmt: skip
def test_arrays(sample, given, made):
    array = NumpyParameterType(sample).deserialize_input(given)
    assert array.dtype == made.dtype
    np.testing.assert_array_equal(array, made)


@pytest.mark.parametrize(
    ("sample", "given", "came"),
    [
        (np.array([1]), {"a": 1}, "an object with the keys 'a'"),
        (np.array([1]), "x", "the text 'x'"),
        (np.array([1]), [None], "values that are not"),
        (np.array([1], dtype="int8"), [300], "values that are not"),
        (np.array([1]), [2**70], "values that are not"),
        (np.zeros((1, 2)), [[1, 2, 3]], r"shape \(1, 3\)"),
        (np.zeros((1, 2)), [1, 2], r"shape \(2,\)"),
        (np.zeros(1), [[1]], r"shape \(1, 1\)"),
        (np.array([("a", 1)], RECORD), [{"age": 2}], "the keys 'age'"),
        (np.array(["2020-01-01"], dtype="M8[D]"), ["soon"], "values that are not"),
        (np.array([1], dtype="m8[s]"), ["5 moons"], "a number with a unit"),
    ],
)
def test_arrays_that_do_not_fit(sample, given, came):
    with pytest.raises(Mismatch, match=came):
        NumpyParameterType(sample).deserialize_input(given)


def test_what_is_not_enforced_is_not_checked():
    assert NumpyParameterType(np.zeros((1, 2)), enforce_shape=False).deserialize_input([1]).dtype == "float64"
    assert NumpyParameterType(np.zeros(1), enforce_column_type=False).deserialize_input([1]).dtype == "int64"


@pytest.mark.parametrize("sample", [[1], np.float64(1), np.array(1), np.array([1j])])
def test_samples_of_arrays_are_arrays(sample):
    with pytest.raises((TypeError, ValueError), match="NumpyParameterType"):
        NumpyParameterType(sample)


@pytest.mark.parametrize(
    ("sample", "items", "example"),
    [
        (np.array([True]), {"type": "boolean"}, [True]),
        (np.array([1], dtype="uint8"), {"type": "integer", "format": "uint8"}, [1]),
        (np.array([1], dtype="float16"), {"type": "number", "format": "float"}, [1.0]),
        (np.array(["a"]), {"type": "string"}, ["a"]),
        (np.array(["2020-01-01"], dtype="M8[D]"), {"type": "string", "format": "date-time"}, ["2020-01-01"]),
        (np.array([5], dtype="m8[s]"), {"type": "string", "format": "timedelta"}, ["5 seconds"]),
        (np.array([b"a"]), {"type": "string", "format": "binary"}, ["a"]),
        (
            np.array([("a", 1)], RECORD),
            {
                "type": "object",
                "required": ["name", "age"],
                "properties": {"name": {"type": "string"}, "age": {"type": "integer", "format": "int32"}},
            },
            [{"name": "a", "age": 1}],
        ),
    ],
)
def test_arrays_describe_themselves(sample, items, example):
    kind = NumpyParameterType(sample)
    said = kind.input_to_swagger()
    assert said == {"type": "array", "items": items, "format": "numpy.ndarray", "example": example}
    assert type(said["example"][0]) is type(example[0])
    np.testing.assert_array_equal(kind.deserialize_input(json.loads(json.dumps(example))), sample)


@pytest.mark.together
@given(
    st.lists(st.lists(st.floats(allow_nan=False, width=32), min_size=3, max_size=3), max_size=5, min_size=1)
)
@settings(deadline=None)
def test_any_matrix_arrives(rows):
    array = NumpyParameterType(np.zeros((1, 3))).deserialize_input(json.loads(json.dumps(rows)))
    assert array.tolist() == rows


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)
FRAME = pd.DataFrame({"a": [1], "b": [1.5], "c": ["x"], "d": [True], "e": pd.to_datetime(["2020-01-02"])})


@pytest.mark.together
@given(anything)
@settings(deadline=None, max_examples=40)
@pytest.mark.parametrize(
    "kind",
    [NumpyParameterType(np.zeros((1, 2))), NumpyParameterType(np.array([("a", 1)], RECORD))]
    + [PandasParameterType(FRAME, orient=orient) for orient in ("records", "split", "columns")]
    + [Standard({"a": NumpyParameterType(np.zeros(1)), "b": Standard([Standard(1.0)])})],
    ids=lambda kind: f"{type(kind).__name__}-{getattr(kind, 'orient', '')}",
)
def test_any_json_fits_or_is_a_mismatch(kind, value):
    run = input_schema("data", kind)(lambda data: data)
    try:
        run(data=value)
    except Mismatch as error:
        assert str(error).startswith("The 'data")  # noqa: PT017


@pytest.mark.parametrize("orient", ORIENTS)
def test_frames_come_back_in_every_orient(orient):
    sample = FRAME.drop(columns="e") if orient == "table" else FRAME
    kind = PandasParameterType(sample, orient=orient, apply_column_names=orient == "values")
    said = kind.input_to_swagger()
    assert said["format"] == f"pandas.DataFrame:{orient}"
    made = kind.deserialize_input(json.loads(json.dumps(said["example"])))
    pd.testing.assert_frame_equal(
        made.reset_index(drop=True), sample, check_index_type=False, check_dtype=orient != "table"
    )


@pytest.mark.parametrize(
    ("rows", "dtypes"),
    [
        ([{"b": 1, "a": "2", "c": "y", "d": 1, "e": "2021-01-01"}], None),
        ([{"a": 1, "b": None, "c": None, "d": False, "e": None}], None),
        ([{"a": 1, "b": 2, "c": "y", "d": True, "e": 1609459200000}], None),
        ([{"a": 1.9, "b": 2, "c": "y", "d": True, "other": 1}], {"other": "object"}),
    ],
)
def test_columns_get_the_types_of_the_sample(rows, dtypes):
    made = PandasParameterType(FRAME).deserialize_input(rows)
    wanted = {**FRAME.dtypes.to_dict(), **(dtypes or {})}
    for name in made.columns:
        assert made[name].dtype == wanted[name] or name == "e"
        assert getattr(made[name].dtype, "kind", "O") == getattr(
            np.dtype(wanted[name]) if isinstance(wanted[name], str) else wanted[name], "kind", "O"
        )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"a": None}, "int64 in the column 'a'"),
        ({"a": "x"}, "int64 in the column 'a'"),
        ({"b": "x"}, "float64 in the column 'b'"),
        ({"d": "no"}, "bool in the column 'd', got values that are not .the text 'no'"),
        ({"e": "soon"}, "in the column 'e'"),
        ({"f": 1}, "got 6 columns .a, b, c, d, e, f."),
    ],
)
def test_frames_that_do_not_fit(change, words):
    row = {"a": 1, "b": 2, "c": "y", "d": True, "e": "2021-01-01", **change}
    with pytest.raises(Mismatch, match=words):
        PandasParameterType(FRAME).deserialize_input([row])


@pytest.mark.parametrize("orient", ["records", "values", "columns"])
@pytest.mark.parametrize("frame", [[{"n": 1, "m": 3}, {"n": 2, "m": 4}], {"n": [1, 2], "m": [3, 4]}])
def test_rows_and_columns_are_told_apart(orient, frame):
    kind = PandasParameterType(pd.DataFrame({"n": [0], "m": [0]}), orient=orient)
    assert kind.deserialize_input(frame).to_dict("list") == {"n": [1, 2], "m": [3, 4]}


def test_frames_need_a_frame_and_an_orient():
    with pytest.raises(TypeError, match="it must be a DataFrame"):
        PandasParameterType([1])
    with pytest.raises(ValueError, match="orient is 'rows': it must be one of"):
        PandasParameterType(FRAME, orient="rows")


@pytest.mark.parametrize(
    ("sample", "given", "made"),
    [
        (1, 2, 2),
        (1.0, 2, 2.0),
        (np.float64(1), 2.5, 2.5),
        ("a", "b", "b"),
        (True, False, False),
        (b"a", "YmM=", b"bc"),
        (bytearray(b"a"), "YmM=", bytearray(b"bc")),
        (datetime.date(2020, 1, 1), "2021-02-03", datetime.date(2021, 2, 3)),
        (NEW_YEAR, "2021-02-03T04:05Z", datetime.datetime(2021, 2, 3, 4, 5, tzinfo=datetime.UTC)),
        (datetime.time(1), "04:05:06", datetime.time(4, 5, 6)),
        ([1], ["x", 2], ["x", 2]),
        ((1,), [1, 2], (1, 2)),
        (range(3), [2, 4, 6], range(2, 8, 2)),
        (range(3), [3, 2, 1], range(3, 0, -1)),
        ({"a": 1}, {"b": 2}, {"b": 2}),
        ({"a": Standard(1.0)}, {"a": 2, "b": 3}, {"a": 2.0, "b": 3}),
        ([Standard(b"")], ["YQ==", "Yg=="], [b"a", b"b"]),
        ([Standard(1), Standard("")], [1, "b"], [1, "b"]),
    ],
)  # fmt: skip
def test_plain_values(sample, given, made):
    value = Standard(sample).deserialize_input(given)
    assert value == made
    assert type(value) is type(made)


@pytest.mark.parametrize(
    ("sample", "given", "words"),
    [
        (1, 1.0, "expected an integer, got the number 1.0"),
        (1, True, "expected an integer, got true"),
        (1.0, True, "expected a number, got true"),
        (1.0, "1", "expected a number, got the text '1'"),
        (True, 1, "expected true or false, got the number 1"),
        ("a", None, "expected a text, got null"),
        (b"a", "?", "expected a text in base64"),
        (datetime.date(2020, 1, 1), "soon", "expected a date as in 2026-01-31, got the text 'soon'"),
        (datetime.date(2020, 1, 1), 5, "expected a date"),
        ([1], {}, "expected an array, got an empty object"),
        (range(3), [1, 3, 4], "evenly spaced integers, got an array of 3"),
        ({"a": 1}, [], "expected an object, got an array of 0"),
        ({"a": {"b": 1}, "c": Standard(1)}, {"c": "x" * 90}, "'c' parameter.*got the text 'xxx.*[.][.][.]'"),
        ([Standard(1)], [1, "b"], r"'\[1\]' parameter.*an integer"),
        ([Standard(1), Standard(2)], [1], "expected an array of 2, got an array of 1"),
    ],
)
def test_plain_values_that_do_not_fit(sample, given, words):
    with pytest.raises(Mismatch, match=words):
        Standard(sample).deserialize_input(given)


def test_a_sample_that_json_does_not_know_is_refused():
    with pytest.raises(TypeError, match="is a Decimal: it must be one of int, float"):
        Standard(decimal.Decimal(1))


@pytest.mark.parametrize(
    ("sample", "schema"),
    [
        ([1, 2], {"type": "array", "items": {"type": "integer", "format": "int64"}, "example": [1, 2]}),
        ([], {"type": "array", "items": {"type": "object"}, "example": []}),
        (
            [1, "a", 2],
            {
                "type": "array",
                "items": {"anyOf": [{"type": "integer", "format": "int64"}, {"type": "string"}]},
                "example": [1, "a", 2],
            },
        ),
        (datetime.date(2020, 1, 2), {"type": "string", "format": "date", "example": "2020-01-02"}),
        (b"a", {"type": "string", "format": "byte", "example": "YQ=="}),
        (
            {"a": NumpyParameterType(np.array([1.0]))},
            {
                "type": "object",
                "required": ["a"],
                "properties": {
                    "a": {
                        "type": "array",
                        "items": {"type": "number", "format": "double"},
                        "format": "numpy.ndarray",
                    }
                },
                "example": {"a": [1.0]},
            },
        ),
    ],
)
def test_plain_values_describe_themselves(sample, schema):
    assert Standard(sample).input_to_swagger() == schema
    assert ("2.0" in Standard(sample).supported_versions()) == ("anyOf" not in json.dumps(schema))


def test_spark_frames(monkeypatch):
    read = []
    session = SimpleNamespace(
        sparkContext=SimpleNamespace(parallelize=list),
        read=SimpleNamespace(json=lambda lines, schema: read.append((lines, schema)) or "frame"),
    )
    sql = ModuleType("pyspark.sql")
    sql.SparkSession = SimpleNamespace(builder=SimpleNamespace(getOrCreate=lambda: session))
    monkeypatch.setitem(sys.modules, "pyspark", ModuleType("pyspark"))
    monkeypatch.setitem(sys.modules, "pyspark.sql", sql)
    field = SimpleNamespace(name="a", dataType=SimpleNamespace(typeName=lambda: "long"))
    schema = SimpleNamespace(fields=[field])
    rows = SimpleNamespace(collect=lambda: ['{"a": 1}'])
    kind = SparkParameterType(SimpleNamespace(schema=schema, toJSON=lambda: rows))
    assert kind.deserialize_input([{"a": 2}]) == "frame"
    assert read == [(['{"a": 2}'], schema)]
    assert kind.input_to_swagger()["items"]["properties"] == {"a": {"type": "integer", "format": "int64"}}
    with pytest.raises(Mismatch, match="an array of objects"):
        kind.deserialize_input({})
    with pytest.raises(TypeError, match="it must be a DataFrame of Spark"):
        SparkParameterType([1])


def foreign(function):
    import functools

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return ["foreign", function(*args, **kwargs)]

    return wrapper


def test_decorators_are_gathered_around_foreign_ones():
    @input_schema("a", Standard(1))
    @foreign
    @input_schema("b", Standard([1, "x"]), optional=True)
    @input_schema("c", Standard(b""), convert_to_provided_type=False)
    @output_schema(Standard(2.0))
    def run(a, b, c="c"):
        return a, b, c

    assert run(1, b=[2], c="Yg==") == ["foreign", (1, [2], "Yg==")]
    assert run(a=1) == ["foreign", (1, None, "c")]
    assert is_schema_decorated(foreign(run))
    assert list(get_input_schema(run)["properties"]) == ["a", "b", "c"]
    assert get_output_schema(run) == {"type": "number", "format": "double", "example": 2.0}
    assert get_supported_versions(run) == ["3.0", "3.1"]
    ours = get_schemas_dict()[f"{run.__module__}.{run.__qualname__}"]
    assert ours == {"input_schema": get_input_schema(run), "output_schema": get_output_schema(run)}
    assert schema_of(run).optional() == {"b"}
    with pytest.raises(Mismatch, match="'b' parameter"):
        run(1, b=5)
    with pytest.raises(TypeError):
        run(1, 2, 3, 4)


def test_decorators_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="names the parameter 'b': the function has a"):
        input_schema("b", Standard(1))(lambda a: a)
    with pytest.raises(TypeError, match="it must be a parameter type"):
        input_schema("a", 1)
    with pytest.raises(TypeError, match="output_type is <class"):
        output_schema(Standard)
    with pytest.raises(ValueError, match="output_schema is used twice"):
        output_schema(Standard(1))(output_schema(Standard(1))(lambda a: a))
    with pytest.raises(ValueError, match="not the name"):
        input_schema("", Standard(1))
    assert not is_schema_decorated(len)
    assert get_input_schema(len) == {"type": "object", "example": {}}


def test_a_parameter_type_of_the_users_own():
    class Upper(AbstractParameterType):
        def deserialize_input(self, input_data):
            return input_data.upper() if isinstance(input_data, str) else input_data["text"].upper()

        def input_to_swagger(self):
            return {"type": "string", "example": self.sample_input}

    run = input_schema("a", Upper("x"))(lambda a: a)
    assert run("b") == "B"
    with pytest.raises(Mismatch, match=r"'a' parameter.*a value that Upper can read.*got an array of 1"):
        run([1])
