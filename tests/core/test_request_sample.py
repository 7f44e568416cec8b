"""A request out of a description, in each version of OpenAPI."""

from __future__ import annotations

from typing import Any

import pytest

from mlmagic.core.request_sample import request_sample, request_text

LOOP = {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Node"}}}


def described(schema: Any, **schemas: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": schema}}
    post = {"requestBody": {"content": content}}
    return {"paths": {"/": {}, "/score": {"post": post}}, "components": {"schemas": schemas}}


@pytest.mark.parametrize(
    ("schema", "sample"),
    [
        ({"type": "object", "example": {"data": [[1, 2]]}}, {"data": [[1, 2]]}),
        ({"type": "object", "example": {}}, None),
        ({"examples": [{"a": 1}, {"a": 2}]}, {"a": 1}),
        ({"type": "array"}, None),
        ({"type": "array", "items": {"type": "number"}, "minItems": 3}, [0.0, 0.0, 0.0]),
        ({"type": "array", "prefixItems": [{"const": 1}, {"type": "string"}]}, [1, ""]),
        (
            {
                "properties": {
                    "rows": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
                    "top": {"type": "integer", "default": 3},
                    "kind": {"enum": ["a", "b"]},
                    "note": {"type": ["string", "null"]},
                    "size": {"type": "number", "minimum": 0.5},
                }
            },
            {"rows": [[0.0]], "top": 3, "kind": "a", "note": "", "size": 0.5},
        ),
        (
            {"required": ["a"], "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}},
            {"a": 0},
        ),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, False),
        ({"allOf": [{"$ref": "#/components/schemas/Row"}]}, {"x": 0}),
        ({"allOf": [{"$ref": "#/components/schemas/Row"}, {"example": {"y": 1}}]}, {"x": 0, "y": 1}),
        ({"$ref": "#/components/schemas/Nowhere"}, None),
        (True, None),
    ],
)
def test_a_sample_of_a_schema(schema: Any, sample: Any) -> None:
    row = {"properties": {"x": {"type": "integer"}}}
    assert request_sample(described(schema, Row=row)) == sample


def test_a_schema_that_holds_itself_ends() -> None:
    sample = request_sample(described({"$ref": "#/components/schemas/Node"}, Node=LOOP))
    depth = 0
    while sample:
        sample, depth = sample["child"], depth + 1
    assert 1 < depth < 10


def test_swagger_2_has_its_body_among_the_parameters() -> None:
    post = {"parameters": [{"in": "query"}, {"in": "body", "schema": {"$ref": "#/definitions/ServiceInput"}}]}
    document = {
        "paths": {"/prefix/score": {"post": post}},
        "definitions": {"ServiceInput": {"example": {"data": ["ü"]}}},
    }
    assert request_text(request_sample(document)) == '{"data": ["ü"]}'


@pytest.mark.parametrize("document", [{}, {"paths": []}, {"paths": {"/score": {"post": {}}}}])
def test_a_description_without_a_request_has_no_sample(document: dict[str, Any]) -> None:
    assert request_sample(document) is None
