"""`inference_schema.schema_util`: reads the schemas of a decorated function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlmagic.scoring.inputs.modes import schema_of
from mlmagic.scoring.shims.schema import DECORATED
from mlmagic.scoring.shims.types import VERSIONS

_ANY = {"type": "object", "example": {}}


def is_schema_decorated(function: Callable[..., Any]) -> bool:
    return schema_of(function) is not None


def get_input_schema(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the schema of the body: an object with the parameters by name."""
    return _told(function).get("input", _ANY)  # type: ignore[no-any-return]


def get_output_schema(function: Callable[..., Any]) -> dict[str, Any]:
    return _told(function).get("output", _ANY)  # type: ignore[no-any-return]


def get_supported_versions(function: Callable[..., Any]) -> list[str]:
    """The versions of OpenAPI that can describe the function."""
    return _told(function).get("versions", list(VERSIONS))  # type: ignore[no-any-return]


def get_schemas_dict() -> dict[str, dict[str, Any]]:
    """``input_schema`` and ``output_schema`` of every decorated function, by ``module.function``."""
    found = {}
    for schema in DECORATED:
        function, told = schema.function, schema.describe()
        parts = {f"{part}_schema": told[part] for part in ("input", "output") if part in told}
        found[f"{function.__module__}.{function.__qualname__}"] = parts
    return found


def _told(function: Callable[..., Any]) -> dict[str, Any]:
    schema = schema_of(function)
    return schema.describe() if schema else {}
