"""Build a sample request for a service from its OpenAPI or Swagger 2 description."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

DEEPEST = 8
"""The deepest level of a sample: a schema may contain itself."""
_PLAIN = {"string": "", "number": 0.0, "integer": 0, "boolean": False, "null": None}


def request_sample(document: Mapping[str, Any]) -> Any:
    """An input that fits ``POST .../score``; None if the description has none."""
    schema = _input(document)
    found = _example(schema, document, 0) if schema else None
    return None if found in ({}, []) else found


def request_text(sample: Any) -> str:
    """The sample as the body of a request, for people."""
    return json.dumps(sample, ensure_ascii=False)


def _input(document: Mapping[str, Any]) -> Any:
    paths = document.get("paths")
    for path, operations in paths.items() if isinstance(paths, Mapping) else ():
        if not path.endswith("/score") or not isinstance(operations, Mapping):
            continue
        post = operations.get("post") or {}
        content = (post.get("requestBody") or {}).get("content") or {}
        for kind in ("application/json", *content):
            if kind in content:
                return content[kind].get("schema")
        bodies = [one for one in post.get("parameters") or () if one.get("in") == "body"]
        return bodies[0].get("schema") if bodies else None
    return None


def _example(schema: Any, document: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return None
    if "$ref" in schema:
        return _example(_referred(str(schema["$ref"]), document), document, depth + 1)
    for word in ("example", "default", "const"):
        if word in schema:
            return schema[word]
    for word in ("examples", "enum"):
        if isinstance(schema.get(word), list) and schema[word]:
            return schema[word][0]
    for word in ("anyOf", "oneOf", "allOf"):
        choices = schema.get(word) or ()
        if word == "allOf" and len(choices) > 1:
            return _joined(choices, document, depth)
        if choices:
            return _example(choices[0], document, depth + 1)
    return _by_type(schema, document, depth)


def _joined(schemas: Any, document: Mapping[str, Any], depth: int) -> Any:
    parts = [_example(each, document, depth + 1) for each in schemas]
    return {key: part[key] for part in parts if isinstance(part, Mapping) for key in part}


def _by_type(schema: Mapping[str, Any], document: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if kind == "object" or "properties" in schema:
        inside = schema.get("properties") or {}
        # Optional fields are left out, because no sensible value is known.
        wanted = [name for name in inside if name in schema.get("required", inside)]
        return {name: _example(inside[name], document, depth + 1) for name in wanted}
    if kind == "array":
        if "prefixItems" in schema:
            return [_example(each, document, depth + 1) for each in schema["prefixItems"]]
        one = _example(schema.get("items"), document, depth + 1)
        return [] if one is None else [one] * max(1, min(int(schema.get("minItems", 1)), 100))
    if kind in ("number", "integer") and "minimum" in schema:
        return schema["minimum"]
    return _PLAIN.get(str(kind))


def _referred(reference: str, document: Mapping[str, Any]) -> Any:
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part.replace("~1", "/").replace("~0", "~"))
    return found
