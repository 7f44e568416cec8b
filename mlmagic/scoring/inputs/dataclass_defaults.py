"""Defaults of dataclasses: msgspec leaves them to the class, and ``__init__`` puts them into the instance.

Without them ``vars(instance)`` and orjson, which reads it, would miss the fields that were not sent.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from mlmagic.scoring.inputs.nested_types import nested_types


def has_defaults(annotation: Any) -> bool:
    """Whether an instance of a dataclass with default values may be anywhere in values of this type."""
    try:
        return any(
            isinstance(found, msgspec.inspect.DataclassType) and bool(_defaults(found.cls))
            for found in nested_types(annotation)
        )
    except (TypeError, ValueError, RecursionError):
        return False


def complete(value: Any) -> None:
    """Put the default values that are missing into every instance of a dataclass in ``value``."""
    if isinstance(value, list | tuple | set | frozenset):
        for each in value:
            complete(each)
    elif isinstance(value, dict):
        for each in value.values():
            complete(each)
    elif (fields := getattr(type(value), "__struct_fields__", None)) is not None:
        for name in fields:
            complete(getattr(value, name))
    elif dataclasses.is_dataclass(value):
        if (there := getattr(value, "__dict__", None)) is not None:  # with slots each has its place
            for name, default in _defaults(type(value)).items():
                there.setdefault(name, default)
        for each in dataclasses.fields(value):
            complete(getattr(value, each.name, None))


def _defaults(kind: type) -> dict[str, Any]:
    """Field -> default value, of those that have one."""
    return {
        each.name: each.default
        for each in dataclasses.fields(kind)
        if each.default is not dataclasses.MISSING
    }
