"""One schema in the words of three versions."""

import pytest

from mlmagic.scoring.openapi.dialects import in_dialect

NULLABLE = {"anyOf": [{"type": "integer"}, {"type": "null"}]}


@pytest.mark.parametrize(
    ("schema", "version", "told"),
    [
        ({"$ref": "#/$defs/P"}, "2", {"$ref": "#/definitions/P"}),
        ({"items": {"$ref": "#/$defs/P"}}, "3", {"items": {"$ref": "#/components/schemas/P"}}),
        (NULLABLE, "3.1", NULLABLE),
        (NULLABLE, "3", {"type": "integer", "nullable": True}),
        (NULLABLE, "2", {"type": "integer", "x-nullable": True}),
        ({"anyOf": [{"$ref": "#/$defs/P"}, {"type": "null"}]}, "2",
         {"allOf": [{"$ref": "#/definitions/P"}], "x-nullable": True}),
        ({"type": "null"}, "3", {"nullable": True}),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "2", {}),
        ({"exclusiveMinimum": 0}, "3", {"minimum": 0, "exclusiveMinimum": True}),
        ({"const": 3}, "3", {"enum": [3]}),
        ({"prefixItems": [{}], "items": False}, "2", {"items": {}}),
        ({"type": "string", "contentEncoding": "base64"}, "3", {"type": "string", "format": "byte"}),
        ({"examples": [1]}, "2", {"example": 1}),
        ({"properties": {"const": {"const": 1}}}, "3", {"properties": {"const": {"enum": [1]}}}),
        ({"example": {"const": 1}}, "3", {"example": {"const": 1}}),
    ],
)  # fmt: skip
def test_dialect(schema, version, told):
    assert in_dialect(schema, version) == told
