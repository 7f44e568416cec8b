"""One schema, as each version of OpenAPI writes it.

Ours are JSON Schema 2020-12, which is what OpenAPI 3.1 has. 3.0 and Swagger 2 have older words for some of
it, and none for the rest, which they leave open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlmagic.scoring.inputs.references import REFERENCES

PLACES = {"2": "#/definitions/", "3": "#/components/schemas/", "3.1": "#/components/schemas/"}


def in_dialect(schema: Any, version: str) -> Any:
    """``schema`` for version "2", "3" or "3.1". Examples are left as they are: they are no schemas."""
    if isinstance(schema, list):
        return [in_dialect(each, version) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"].replace(REFERENCES, PLACES[version])}
    told = dict(schema)
    if version != "3.1":
        for change in _OLDER:
            change(told, version)
    return {key: value if key in _DATA else _inside(key, value, version) for key, value in told.items()}


def _inside(key: str, value: Any, version: str) -> Any:
    if key == "properties":  # its keys are the user's names, not words of the dialect
        return {name: in_dialect(each, version) for name, each in value.items()}
    return in_dialect(value, version)


def _null(told: dict[str, Any], version: str) -> None:
    """A value that may be null, or is nothing else."""
    choices = told.get("anyOf", [])
    if told.get("type") == "null":
        del told["type"]
    elif {"type": "null"} in choices:
        rest = [each for each in choices if each != {"type": "null"}]
        del told["anyOf"]
        # A reference stands alone: what is beside it would not be read.
        told |= rest[0] if len(rest) == 1 and "$ref" not in rest[0] else {"anyOf": rest}
    else:
        return
    told["x-nullable" if version == "2" else "nullable"] = True


def _alternatives(told: dict[str, Any], version: str) -> None:
    """Swagger 2 has no choices."""
    if version == "2":
        for word in ("anyOf", "oneOf"):
            if len(choices := told.pop(word, [])) == 1:
                told["allOf"] = choices


def _constant(told: dict[str, Any], version: str) -> None:
    if "const" in told:
        told["enum"] = [told.pop("const")]


def _bounds(told: dict[str, Any], version: str) -> None:
    for word, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if word in told and not isinstance(told[word], bool):
            told[limit], told[word] = told[word], True


def _tuples(told: dict[str, Any], version: str) -> None:
    if "prefixItems" in told:
        told["items"] = {}
        del told["prefixItems"]
    if told.get("items") is False:
        told["items"] = {}


def _bytes(told: dict[str, Any], version: str) -> None:
    if told.pop("contentEncoding", None) == "base64":
        told["format"] = "byte"


def _examples(told: dict[str, Any], version: str) -> None:
    examples = told.pop("examples", None)
    if examples and "example" not in told:
        told["example"] = examples[0]


_DATA = frozenset(["example", "examples", "default", "const", "enum", "required"])
_OLDER: tuple[Callable[[dict[str, Any], str], None], ...] = (
    _null, _alternatives, _constant, _bounds, _tuples, _bytes, _examples,
)  # fmt: skip
