"""deploymentconfig.json: the arguments of a deployment configuration as a file, and its JSON Schema.

Keys are camelCase, some of them nested; ``computeType`` names the compute type. Azure ML v1 ignores an
unknown key; here it is an error that names the nearest one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlmagic.core.arguments import ComputeType, arguments_of
from mlmagic.errors import InvalidConfig, NotFound

COMPUTE_TYPE = "computeType"


def nested(compute: ComputeType, given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as a JSON object; those that the file does not have are left out."""
    written: dict[str, Any] = {}
    for argument in arguments_of(compute).values():
        if argument.key is not None and given.get(argument.name) is not None:
            *parents, last = argument.key.split(".")
            place = written
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = given[argument.name]
    return written


def write(compute: ComputeType, given: Mapping[str, Any]) -> dict[str, Any]:
    """The whole file."""
    return {COMPUTE_TYPE: compute.value, **nested(compute, given)}


def read(values: Any, where: str = "deploymentconfig.json") -> tuple[ComputeType, dict[str, Any]]:
    """The compute type and the arguments, not checked yet. Raises `InvalidConfig` and `NotFound`."""
    if not isinstance(values, Mapping):
        raise InvalidConfig(where, values, "must be a mapping")
    if values.get(COMPUTE_TYPE) is None:
        raise InvalidConfig(
            COMPUTE_TYPE, None, f"is missing in {where}", hint=f"It is one of {', '.join(ComputeType)}."
        )
    compute = ComputeType.parse(values[COMPUTE_TYPE])
    known = {argument.key: argument.name for argument in arguments_of(compute).values() if argument.key}
    given = {}
    for key, value in _flat(values, known):
        if key == COMPUTE_TYPE:
            continue
        if key not in known:
            raise NotFound(f"key of {where} for {compute}", key, known)
        if value is not None:
            given[known[key]] = value
    return compute, given


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the file, with which editors complete and check it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "deploymentconfig.json",
        "description": "The compute type of a service and its arguments.",
        "type": "object",
        "required": [COMPUTE_TYPE],
        "properties": {COMPUTE_TYPE: {"enum": list(ComputeType)}},
        "oneOf": [_schema_of(compute) for compute in ComputeType],
    }


def _flat(values: Mapping[str, Any], known: Mapping[str, str], path: str = "") -> Iterator[tuple[str, Any]]:
    """Keys with dots between levels; a mapping that is itself a value (tags) stays whole."""
    for name, value in values.items():
        key = f"{path}{name}"
        inside = any(each.startswith(f"{key}.") for each in known)
        if inside and isinstance(value, Mapping):
            yield from _flat(value, known, f"{key}.")
        elif inside and value is not None:
            raise InvalidConfig(key, value, "must be a mapping")
        elif not inside:
            yield key, value


def _schema_of(compute: ComputeType) -> dict[str, Any]:
    properties: dict[str, Any] = {COMPUTE_TYPE: {"const": compute.value}}
    for argument in arguments_of(compute).values():
        if argument.key is None:
            continue
        *parents, last = argument.key.split(".")
        place = properties
        for parent in parents:
            inner = place.setdefault(
                parent, {"type": "object", "additionalProperties": False, "properties": {}}
            )
            place = inner["properties"]
        place[last] = argument.schema
    return {"type": "object", "additionalProperties": False, "properties": properties}
