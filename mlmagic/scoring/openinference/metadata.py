"""What is known of run() in the protocol's terms: names, datatypes and shapes, read off its schemas."""

from __future__ import annotations

from typing import Any

from mlmagic.scoring.script import UserScript

_INTEGERS = {f"{sign}int{bits}": f"{sign}int{bits}".upper() for sign in ("", "u") for bits in (8, 16, 32, 64)}

_SINGLE = ("integer", "number", "boolean", "string")

Told = list[dict[str, Any]]


def described(script: UserScript) -> tuple[Told, Told]:
    """The inputs and the outputs of a model's metadata; of a run() that takes text, one input of any kind."""
    told = script.schema.describe() if script.schema else {}
    example = told.get("input", {}).get("example")
    properties = told.get("input", {}).get("properties") or {script.parameters.data: {}}
    inputs = [
        _tensor(name, schema, example.get(name) if isinstance(example, dict) else None)
        for name, schema in properties.items()
    ]
    return inputs, _outputs(told.get("output"))


def single_valued(script: UserScript) -> frozenset[str]:
    """The parameters that take one number, truth value or text, and no array."""
    told = script.schema.describe() if script.schema else {}
    properties = told.get("input", {}).get("properties") or {}
    return frozenset(name for name, schema in properties.items() if schema.get("type") in _SINGLE)


def _outputs(schema: Any) -> Told:
    if not isinstance(schema, dict) or not schema:
        return []
    parts = schema.get("properties")
    if schema.get("type") == "object" and parts:
        return [_tensor(name, part, None) for name, part in parts.items()]
    return [_tensor("output-0", schema, schema.get("example"))]


def _tensor(name: str, schema: dict[str, Any], example: Any) -> dict[str, Any]:
    depth = 0
    while schema.get("type") == "array":
        depth += 1
        schema = schema.get("items") or {}
    return {"name": name, "datatype": _datatype(schema), "shape": _shape(depth, example)}


def _shape(depth: int, example: Any) -> list[int]:
    """As deep as the schema; as wide as the example but for the first axis. -1 is any size."""
    shape = [-1] * max(depth, 1)
    for axis in range(depth):
        if not isinstance(example, list) or not example:
            break
        if axis:
            shape[axis] = len(example)
        example = example[0]
    return shape


def _datatype(schema: dict[str, Any]) -> str:
    kind, form = schema.get("type"), schema.get("format", "")
    if kind == "integer":
        return _INTEGERS.get(form, "INT64")
    if kind == "boolean":
        return "BOOL"
    if kind == "number" or kind is None:
        return "FP32" if form == "float" else "FP64"
    return "BYTES"
