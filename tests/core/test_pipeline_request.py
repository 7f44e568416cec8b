"""The body of a request for a run: what is read, and what is refused, with words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlmagic.core.pipeline_request import PipelineRequest, check_parameters, read_request, typed
from mlmagic.errors import InvalidConfig, UsageError


def test_the_documents_body_is_read() -> None:
    body = {
        "ExperimentName": "batch_scoring",
        "Description": "nightly",
        "RunSource": "SDK",
        "ParameterAssignments": {"process_count_per_node": 6},
        "DataPathAssignments": {"input": {"DataStoreName": "store", "RelativePath": "in/a.csv"}},
        "DataSetDefinitionValueAssignments": {},
        "Tags": {"team": "a", "number": 7},
        "ContinueOnStepFailure": True,
    }
    expected = PipelineRequest(
        "batch_scoring",
        {"process_count_per_node": 6},
        {"input": ("store", "in/a.csv")},
        "nightly",
        {"team": "a", "number": "7"},
        "SDK",
        True,
    )
    assert read_request(json.dumps(body).encode()) == expected
    in_lower_case = {key[0].lower() + key[1:]: value for key, value in body.items()}
    assert read_request(json.dumps(in_lower_case).encode()) == expected


def test_null_is_as_if_the_key_were_not_there() -> None:
    assert read_request(b'{"experimentName": "x", "tags": null, "parameterAssignments": null}') == (
        PipelineRequest("x")
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "the body is not JSON"),
        (b"x=1", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (b'{"ExperimentName": NaN}', "NaN is not a value of JSON"),
        (b"[]", "a list and not an object"),
        (b"{}", "ExperimentName None must be text that is not empty. For example"),
        (b'{"ExperimentName": " "}', "ExperimentName ' ' must be text"),
        (b'{"ExperimentName": 7}', "ExperimentName 7 must be text"),
        (b'{"ExperimentName": "x", "ParameterAssigments": {}}', "Did you mean 'ParameterAssignments'?"),
        (b'{"ExperimentName": "x", "zzz": {}}', "'zzz' is unknown. Keys are: ExperimentName"),
        (b'{"ExperimentName": "x", "experimentname": "y"}', "'experimentname' is there twice"),
        (b'{"ExperimentName": "x", "ParameterAssignments": []}', "must be a JSON object"),
        (b'{"ExperimentName": "x", "Description": 7}', "Description 7 must be text"),
        (b'{"ExperimentName": "x", "Tags": {"a": []}}', "tag 'a' [] must be text"),
        (b'{"ExperimentName": "x", "ContinueOnStepFailure": "yes"}', "must be true or false"),
        (b'{"ExperimentName": "x", "DataPathAssignments": {"a": "in"}}', "keys DataStoreName and Relative"),
        (
            b'{"ExperimentName": "x", "DataPathAssignments": {"a": {"DataStoreName": "s"}}}',
            "keys DataStoreName and RelativePath",
        ),
        (
            b'{"ExperimentName": "x", "DataSetDefinitionValueAssignments": {"a": {}}}',
            "is not supported: a dataset cannot be a parameter",
        ),
    ],
)
def test_a_wrong_body_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_request(body)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("value", "default", "expected"),
    [
        (6, 2, 6),
        ("6", 2, 6),
        (6.0, 2, 6),
        ("0.5", 0.1, 0.5),
        (1, 0.1, 1.0),
        ("true", False, True),
        (False, True, False),
        (6, "two", "6"),
        ("x", "two", "x"),
        ("x", None, "x"),
        ([1], [], [1]),
    ],
)
def test_a_value_gets_the_type_of_the_default(value: Any, default: Any, expected: Any) -> None:
    found = typed("name", value, default)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("value", "default", "rule"),
    [
        ("many", 2, "'many' must be a whole number, as its default 2"),
        (6.5, 2, "6.5 must be a whole number"),
        (True, 2, "True must be a whole number"),
        (None, 2, "None must be a whole number"),
        ([6], 2, "[6] must be a whole number"),
        ("x", 0.5, "'x' must be a number, as its default 0.5"),
        (1, True, "1 must be true or false, as its default True"),
        ("yes", True, "'yes' must be true or false"),
        (None, "two", "None must be text, as its default 'two'"),
        (True, "two", "True must be text"),
        ({"a": 1}, "two", "must be text, a number, true or false"),
        ([], None, "must be text, a number, true or false"),
    ],
)
def test_a_value_of_another_type_is_refused(value: Any, default: Any, rule: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        typed("name", value, default)
    assert str(caught.value).startswith("pipeline parameter 'name' ")
    assert rule in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "paths", "known", "words"),
    [
        ({"cuont": 1}, {}, {"count": 1}, "'cuont' is not a parameter of the pipeline. It has: count."),
        ({"count": 1}, {}, {}, "'count' is not a parameter of the pipeline. It has none"),
        ({}, {"data": ("s", "p")}, {"count": 1}, "'data' is not a parameter of the pipeline"),
        ({"data": "x"}, {"data": ("s", "p")}, {"data": None}, "'data' is set twice"),
    ],
)
def test_an_unknown_parameter_is_refused(
    parameters: dict[str, Any], paths: dict[str, tuple[str, str]], known: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidConfig) as caught:
        check_parameters(PipelineRequest("x", parameters, paths), known)
    assert words in str(caught.value)


def test_parameters_that_are_not_set_keep_their_defaults() -> None:
    request = PipelineRequest("x", {"count": "6"}, {"data": ("s", "p")})
    assert check_parameters(request, {"count": 2, "data": None, "other": 1}) == {"count": 6}
