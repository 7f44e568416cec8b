"""`PipelineRequest`: the body of a request that runs a published pipeline, with Azure ML v1's keys.

{"ExperimentName": "batch_scoring", "ParameterAssignments": {"process_count_per_node": 6}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

from mlmagic.errors import InvalidConfig, UsageError, nearest

BODY_LIMIT = 1024 * 1024
"""The most bytes of a body: it has the values of parameters, and no data."""
_EXAMPLE = 'For example {"ExperimentName": "batch_scoring", "ParameterAssignments": {}}.'
_KEYS = (
    "ExperimentName",
    "ParameterAssignments",
    "DataPathAssignments",
    "DataSetDefinitionValueAssignments",
    "Description",
    "Tags",
    "RunSource",
    "ContinueOnStepFailure",
    "ContinueRunOnStepFailure",
)
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class PipelineRequest:
    """One request. Its values are not yet compared with the parameters of the pipeline."""

    experiment_name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    data_paths: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Parameters that are paths: the name of the datastore, and the path in it."""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    run_source: str = ""
    continue_on_step_failure: bool = False


def read_request(body: bytes) -> PipelineRequest:
    """The request in a body. Raises `UsageError` or `InvalidConfig` for anything that is not understood.

    Keys may be written in upper or lower case, as in Azure ML v1.
    """
    try:
        given = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the body is not JSON: {error}", hint=f"Send a JSON object. {_EXAMPLE}") from None
    if not isinstance(given, dict):
        raise UsageError(
            f"the body is JSON, but a {type(given).__name__} and not an object",
            hint=f"Send a JSON object. {_EXAMPLE}",
        )
    values = _by_key(given)
    if values.get("DataSetDefinitionValueAssignments"):
        raise InvalidConfig(
            "DataSetDefinitionValueAssignments",
            values["DataSetDefinitionValueAssignments"],
            "is not supported: a dataset cannot be a parameter of a pipeline",
            hint="Use a parameter that is a DataPath, and set it with DataPathAssignments.",
        )
    goes_on = values.get("ContinueOnStepFailure", values.get("ContinueRunOnStepFailure", False))
    if not isinstance(goes_on, bool):
        raise InvalidConfig("ContinueOnStepFailure", goes_on, "must be true or false")
    return PipelineRequest(
        experiment_name=_text(values, "ExperimentName", needed=True),
        parameters=_object(values, "ParameterAssignments"),
        data_paths={
            name: _data_path(name, value) for name, value in _object(values, "DataPathAssignments").items()
        },
        description=_text(values, "Description"),
        tags={name: _tag(name, value) for name, value in _object(values, "Tags").items()},
        run_source=_text(values, "RunSource"),
        continue_on_step_failure=goes_on,
    )


def check_parameters(request: PipelineRequest, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a request's parameters; ``parameters`` are those of the pipeline, with their defaults.

    Raises `InvalidConfig` for a parameter that the pipeline does not have, and for a value of another type.
    """
    for name in (*request.parameters, *request.data_paths):
        if name not in parameters:
            known = ", ".join(sorted(parameters))
            raise InvalidConfig(
                "pipeline parameter",
                name,
                "is not a parameter of the pipeline",
                hint=f"It has: {known}." if known else "It has none: send no ParameterAssignments.",
            )
        if name in request.parameters and name in request.data_paths:
            raise InvalidConfig(
                "pipeline parameter",
                name,
                "is set twice, in ParameterAssignments and in DataPathAssignments",
                hint="Remove one of them.",
            )
    return {name: typed(name, value, parameters[name]) for name, value in request.parameters.items()}


def typed(name: str, value: Any, default: Any) -> Any:
    """``value`` with the type of the parameter's default; raises `InvalidConfig` if it cannot have it.

    Text is converted, as clients in other languages than Python send all values as text.
    """
    what = f"pipeline parameter {name!r}"
    if isinstance(default, bool):
        found = _BOOLEANS.get(value.lower()) if isinstance(value, str) else value
        if not isinstance(found, bool):
            raise InvalidConfig(what, value, f"must be true or false, as its default {default}")
        return found
    if isinstance(default, int | float):
        return _number(what, value, default)
    if isinstance(value, list | dict) and not isinstance(default, list | dict):
        raise InvalidConfig(what, value, "must be text, a number, true or false")
    if isinstance(default, str) and not isinstance(value, str):
        if value is None or isinstance(value, bool):
            raise InvalidConfig(what, value, f"must be text, as its default {default!r}")
        return str(value)
    return value


def _number(what: str, value: Any, default: int | float) -> int | float:
    kind = int if isinstance(default, int) else float
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_fraction = isinstance(value, float) and not value.is_integer()
    if isinstance(value, str) or (is_number and not (kind is int and is_fraction)):
        with suppress(ValueError, OverflowError):
            return kind(value)
    rule = "must be a whole number" if kind is int else "must be a number"
    raise InvalidConfig(what, value, f"{rule}, as its default {default}")


def _by_key(given: Mapping[str, Any]) -> dict[str, Any]:
    """The values by `_KEYS`; null is as if the key were not there."""
    spelled = {key.lower(): key for key in _KEYS}
    values: dict[str, Any] = {}
    for key, value in given.items():
        known = spelled.get(key.lower())
        if known is None:
            near = nearest(key, _KEYS)
            hint = f"Did you mean {near!r}?" if near else f"Keys are: {', '.join(_KEYS)}."
            raise InvalidConfig("key of the body", key, "is unknown", hint=hint)
        if known in values:
            raise InvalidConfig("key of the body", key, "is there twice", hint="Remove one of them.")
        values[known] = value
    return {key: value for key, value in values.items() if value is not None}


def _text(values: Mapping[str, Any], key: str, *, needed: bool = False) -> str:
    value = values.get(key, "")
    if needed and (not isinstance(value, str) or not value.strip()):
        raise InvalidConfig(key, values.get(key), "must be text that is not empty", hint=_EXAMPLE)
    if not isinstance(value, str):
        raise InvalidConfig(key, value, "must be text")
    return value


def _object(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = values.get(key, {})
    if not isinstance(value, dict):
        raise InvalidConfig(key, value, "must be a JSON object", hint='For example {"name": "value"}.')
    return value


def _data_path(name: str, value: Any) -> tuple[str, str]:
    found = {key.lower(): each for key, each in value.items()} if isinstance(value, dict) else {}
    store, path = found.get("datastorename"), found.get("relativepath")
    if found.keys() != {"datastorename", "relativepath"} or not (
        isinstance(store, str) and isinstance(path, str)
    ):
        raise InvalidConfig(
            f"DataPathAssignments {name!r}",
            value,
            "must have the keys DataStoreName and RelativePath, which are text",
            hint='For example {"DataStoreName": "workspaceblobstore", "RelativePath": "in/data.csv"}.',
        )
    return store, path


def _tag(name: str, value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise InvalidConfig(f"tag {name!r}", value, "must be text or a number")
    return str(value)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a value of JSON")
