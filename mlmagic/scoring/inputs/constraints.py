"""Types that pydantic checks: its own types, and constraints in annotations.

``Annotated[int, Field(ge=0)]``, the constraints of annotated-types and pydantic's dataclasses have rules that
msgspec does not know. A type with one of them, at any depth, is read by pydantic as a whole.
"""

from __future__ import annotations

import dataclasses
import typing
from typing import TYPE_CHECKING, Any

from mlmagic.scoring.inputs.parameters import NotAnEntryScript
from mlmagic.scoring.inputs.references import REFERENCES

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_LIBRARIES = ("pydantic", "pydantic_core", "annotated_types")


def needs_pydantic(annotation: Any) -> bool:
    """Whether ``annotation`` has a part, other than pydantic's models, that only pydantic can check."""
    return _has_rule(annotation, set())


def adapter_of(annotation: Any) -> TypeAdapter[Any]:
    """What checks values by the rules of ``annotation``. Raises `NotAnEntryScript` if pydantic cannot."""
    try:
        from pydantic import TypeAdapter
        from pydantic.errors import PydanticUserError
    except ImportError:
        raise NotAnEntryScript(
            f"the annotation {annotation} of run() has constraints, and pydantic, which checks them, is not "
            "installed"
        ) from None
    try:
        return TypeAdapter(annotation)
    except (PydanticUserError, TypeError) as error:
        raise NotAnEntryScript(
            f"the constraints in the annotation {annotation} of run() cannot be checked: "
            f"{str(error).partition('. ')[0]}"
        ) from None


def schema_of(adapter: Any, *, is_answer: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of a `TypeAdapter` or a model, and its definitions; a part without one may be anything."""
    from pydantic.json_schema import GenerateJsonSchema

    class Lenient(GenerateJsonSchema):
        def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> dict[str, Any]:
            return {}

    make = adapter.json_schema if hasattr(adapter, "json_schema") else adapter.model_json_schema
    schema = make(
        ref_template=f"{REFERENCES}{{model}}",
        schema_generator=Lenient,
        mode="serialization" if is_answer else "validation",
    )
    return schema, schema.pop("$defs", {})


def validated(check: Any, value: Any) -> Any:
    """``check(value)``; raises ValueError with the first message of pydantic and its place."""
    from pydantic import ValidationError

    try:
        return check(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
        raise ValueError(f"{first['msg']} - at `${where}`" if where else first["msg"]) from None


def _has_rule(annotation: Any, seen: set[int]) -> bool:
    if id(annotation) in seen:
        return False
    seen.add(id(annotation))
    if any(_of_library(type(each)) for each in getattr(annotation, "__metadata__", ())):
        return True
    if any(_has_rule(each, seen) for each in typing.get_args(annotation)):
        return True
    if not isinstance(annotation, type):
        return False
    if hasattr(annotation, "__is_pydantic_dataclass__"):
        return True
    if hasattr(annotation, "__get_pydantic_core_schema__"):
        return not hasattr(annotation, "model_fields")  # models are read one by one
    return any(_has_rule(each, seen) for each in _field_types(annotation))


def _field_types(kind: type) -> list[Any]:
    """The annotations of the fields of a dataclass, a TypedDict, a named tuple or a struct."""
    marks = ("__struct_fields__", "__attrs_attrs__", "__total__", "_fields")
    if not dataclasses.is_dataclass(kind) and not any(hasattr(kind, mark) for mark in marks):
        return []
    try:
        return list(typing.get_type_hints(kind, include_extras=True).values())
    except Exception:  # whatever the names in them lead to
        return []


def _of_library(kind: type) -> bool:
    return kind.__module__.partition(".")[0] in _LIBRARIES
