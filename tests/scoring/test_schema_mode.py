"""Scripts with @input_schema: what a request may be, and what is said about one that does not fit."""

import json

import pytest

from mlmagic.scoring.script import ImportFailed, UserScript
from tests.support.serving import SCRIPTS

TEN = list(range(10))
JSON = b"application/json"


@pytest.fixture(scope="module")
def scripts():
    """Each script is loaded once."""
    loaded = {}

    def script(name):
        if name not in loaded:
            loaded[name] = UserScript.load(SCRIPTS / f"{name}.py")
            loaded[name].init()
        return loaded[name]

    return script


@pytest.fixture
def post(ask, scripts):
    def post(name, body, **options):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return ask(scripts(name), body=body, **{"content_type": JSON, **options})

    return post


@pytest.mark.parametrize(
    ("script", "body", "answer"),
    [
        ("numpy_example", {"data": [TEN]}, [285]),
        ("numpy_example", {"data": [TEN, TEN], "more": 1}, [285, 285]),
        ("numpy_example", {"data": [[1.7] * 10]}, [45]),
        ("pandas_example", {"Inputs": [{"name": "a", "age": 3}]}, {"Results": [6.0], "types": ["int64"]}),
        (
            "pandas_example",
            {"Inputs": [{"name": "a", "age": "3"}], "GlobalParameters": 3},
            {"Results": [9.0], "types": ["int64"]},
        ),
        (
            "nested_schema",
            {"param": {"array": [[1, 2], [3, 4]], "table": [{"a": 5}], "day": "2021-02-03", "free": "x"}},
            [20.0, [5], 2021, "x", None, "me"],
        ),
    ],
)
def test_what_fits_is_converted(post, script, body, answer):
    response = post(script, body, x_who=b"me")
    assert json.loads(response.body) == answer
    assert response.status == 200
    assert "x-ms-run-fn-exec-ms" in response.head


def test_a_query_has_the_parameters(ask, scripts):
    response = ask(scripts("numpy_example"), b"/score?data=[[0,1,2,3,4,5,6,7,8,9]]&x=1", method=b"GET")
    assert json.loads(response.body) == [285]


@pytest.mark.parametrize(
    ("body", "kind", "status", "text"),
    [
        (b"{}", JSON, 400, "A value is not provided for the 'data' parameter."),
        (b'{"Data": 1}', JSON, 400, "A value is not provided for the 'data' parameter."),
        (b"{", JSON, 400, "POST body could not be decoded as JSON: Expecting property name"),
        (b"\xff", JSON, 400, "POST body could not be decoded as JSON: "),
        (b"[" * 100_000, JSON, 400, "POST body could not be decoded as JSON: "),
        (b"", JSON, 400, "POST body is empty. Expecting a JSON dictionary."),
        (b"[1]", JSON, 400, "POST body should be a JSON dictionary."),
        (b"null", JSON, 400, "POST body should be a JSON dictionary."),
        (b"{}", b"text/plain", 415, "Expects Content-Type to be application/json"),
        (b"{}", b"", 415, "Expects Content-Type to be application/json"),
        (b"{}", b"application/x-www-form-urlencoded", 415, "Expects Content-Type to be application/json"),
        (b"{}", b"application/json; charset=utf-8", 400, "A value is not"),
        (b"{}", b"application/problem+json", 400, "A value is not"),
    ],
)
def test_what_is_refused(post, body, kind, status, text):
    response = post("numpy_example", body, content_type=kind)
    assert response.status == status
    assert json.loads(response.body)["message"].startswith(text)
    assert "Content-Type: application/json\r\n" in response.head
    assert "x-ms-run-function-failed: False" in response.head
    assert "exec-ms" not in response.head


@pytest.mark.parametrize(
    ("script", "body", "words"),
    [
        ("numpy_example", {"data": [[1, 2]]}, ["'data'", "int64 of shape (any, 10)", "got shape (1, 2)"]),
        ("numpy_example", {"data": TEN}, ["'data'", "got shape (10,)"]),
        ("numpy_example", {"data": []}, ["got shape (0,)"]),
        ("numpy_example", {"data": 5}, ["an array of int64", "got the number 5"]),
        ("numpy_example", {"data": None}, ["got null"]),
        ("numpy_example", {"data": [["x"] * 10]}, ["int64", "'x'"]),
        ("numpy_example", {"data": [[1], [1, 2]]}, ["rows of different lengths"]),
        (
            "pandas_example",
            {"Inputs": [{"name": "a"}]},
            ["'Inputs'", "2 columns (name, age)", "1 column (name)"],
        ),
        ("pandas_example", {"Inputs": {"name": "a"}}, ["an array", "an object with the keys 'name'"]),
        (
            "pandas_example",
            {"Inputs": [{"name": "a", "age": None}]},
            ["'Inputs'", "int64 in the column 'age'"],
        ),
        ("pandas_example", {"Inputs": [{"name": "a", "age": "?"}]}, ["int64 in the column 'age'", "'?'"]),
        (
            "pandas_example",
            {"Inputs": [{"name": "a", "age": 1}], "GlobalParameters": "x"},
            ["'GlobalParameters'", "a number", "the text 'x'"],
        ),
        ("nested_schema", {"param": {"array": [[1, 2]]}}, ["'param'", "an object with the key 'table'"]),
        (
            "nested_schema",
            {"param": {"array": [[1]], "table": [], "day": ""}},
            ["'param.array'", "(any, 2)", "(1, 1)"],
        ),
    ],
)
def test_what_does_not_match_is_explained(post, capsys, script, body, words):
    response = post(script, body)
    assert response.status == 400
    message = json.loads(response.body)["message"]
    assert all(word in message for word in words), message
    assert "x-ms-run-function-failed: False" in response.head
    assert capsys.readouterr().err == ""


def test_nan_is_taken_as_python_writes_it(post):
    assert post("pandas_example", b'{"Inputs": [{"name": "a", "age": NaN}]}').status == 400
    response = post("pandas_example", b'{"Inputs": [{"name": "a", "age": 1}], "GlobalParameters": NaN}')
    assert json.loads(response.body)["Results"] == [None]


def swagger(ask, script, version, **options):
    return ask(script, b"/swagger.json?version=" + version, method=b"GET", **options)


@pytest.mark.parametrize(
    ("version", "where"),
    [(b"2", ["definitions"]), (b"3", ["components", "schemas"]), (b"3.1", ["components", "schemas"])],
)
def test_the_numpy_example_is_described(ask, scripts, version, where):
    document = json.loads(swagger(ask, scripts("numpy_example"), version).body)
    for key in where:
        document = document[key]
    assert document["ServiceInput"] == {
        "type": "object",
        "properties": {
            "data": {
                "type": "array",
                "items": {"type": "array", "items": {"type": "integer", "format": "int64"}},
                "format": "numpy.ndarray",
            }
        },
        "example": {"data": [[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]]},
        "required": ["data"],
    }
    assert document["ServiceOutput"] == {
        "type": "array",
        "items": {"type": "number", "format": "double"},
        "example": [3726.995],
        "format": "numpy.ndarray",
    }


def test_the_pandas_example_is_described(ask, scripts):
    document = json.loads(swagger(ask, scripts("pandas_example"), b"2").body)
    said = document["definitions"]["ServiceInput"]
    assert list(said["properties"]) == ["Inputs", "GlobalParameters"]
    assert said["required"] == ["Inputs"]
    assert said["properties"]["Inputs"] == {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["name", "age"],
            "properties": {"name": {"type": "string"}, "age": {"type": "integer", "format": "int64"}},
        },
        "format": "pandas.DataFrame:records",
    }
    assert said["example"] == {
        "Inputs": [{"name": "Sarah", "age": 25}, {"name": "John", "age": 26}],
        "GlobalParameters": 1.0,
    }


def test_a_version_that_cannot_say_it_is_refused(ask, scripts):
    response = swagger(ask, scripts("nested_schema"), b"2")
    assert response.status == 404
    assert json.loads(response.body)["message"] == (
        "Swagger version [2] is not supported for the scoring script. Supported swagger versions: [3, 3.1]."
    )
    assert "[2.0] is not supported" in swagger(ask, scripts("nested_schema"), b"2.0").body.decode()
    assert "Supported versions: [3, 3.1]." in swagger(ask, scripts("nested_schema"), b"9").body.decode()
    assert swagger(ask, scripts("nested_schema"), b"3").status == 200


def test_raw_and_schema_at_once_are_refused():
    with pytest.raises(ImportFailed, match="both @rawhttp and a schema"):
        UserScript.load(SCRIPTS / "raw_and_schema.py")


def test_a_large_array_is_read_without_an_object_for_each_number(post, monkeypatch):
    from mlmagic.scoring.inputs import modes

    rows = [TEN] * 1000
    monkeypatch.setattr(modes, "read_body", None)
    monkeypatch.setattr(modes, "parse_json", None)
    assert json.loads(post("numpy_example", {"data": rows}).body) == [285] * 1000


@pytest.mark.parametrize("last", [[0], [*TEN[:9], None], [*TEN[:9], "x"], [[1], *TEN[1:]]])
def test_a_large_array_that_does_not_fit_is_told_as_a_small_one(post, last):
    response = post("numpy_example", {"data": [TEN] * 1000 + [last]})
    assert response.status == 400
    assert "float64" in response.body.decode() or "int64" in response.body.decode()
