"""Questions about a function that may have been decorated with a schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlmagic.scoring.modes import schema_of
from mlmagic.scoring.shims.types import VERSIONS

_ANY = {"type": "object", "example": {}}


def is_schema_decorated(function: Callable[..., Any]) -> bool:
    return schema_of(function) is not None


def get_input_schema(function: Callable[..., Any]) -> dict[str, Any]:
    """The schema of the body: one object with the parameters by name."""
    return get_schemas_dict(function)["input"]  # type: ignore[no-any-return]


def get_output_schema(function: Callable[..., Any]) -> dict[str, Any]:
    return get_schemas_dict(function)["output"]  # type: ignore[no-any-return]


def get_supported_versions(function: Callable[..., Any]) -> list[str]:
    """The versions of OpenAPI that can describe the function."""
    return get_schemas_dict(function)["versions"]  # type: ignore[no-any-return]


def get_schemas_dict(function: Callable[..., Any]) -> dict[str, Any]:
    """``input``, ``output`` and ``versions``."""
    schema = schema_of(function)
    told = schema.describe() if schema else {}
    return {"input": _ANY, "output": _ANY, "versions": list(VERSIONS), **told}
