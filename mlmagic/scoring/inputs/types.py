"""Types: an annotation of run() as a rule for values of JSON, and as a schema of OpenAPI.

msgspec knows Python's own types, dataclasses, TypedDicts, enums and their unions; to it are added here
`numpy.ndarray` (and `numpy.typing.NDArray`), `pandas.DataFrame` and `Series`, and pydantic's models. Types
with constraints of pydantic are read by pydantic: see `mlmagic.scoring.inputs.constraints`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, get_args, get_origin

import msgspec
import orjson

from mlmagic.scoring.http.request import BadInput
from mlmagic.scoring.inputs.arrays import explained, plain, read_array, read_frame, read_series
from mlmagic.scoring.inputs.constraints import adapter_of, needs_pydantic, schema_of, validated
from mlmagic.scoring.inputs.dataclass_defaults import complete, has_defaults
from mlmagic.scoring.inputs.nested_types import nested_types
from mlmagic.scoring.inputs.references import REFERENCES

_NO_OBJECTS = ("array", "integer", "number", "string", "boolean")


class Unknown(Exception):
    """No value of JSON becomes one of this type."""


class Type:
    """The type of one parameter, or of the answer. Raises `Unknown`."""

    def __init__(self, annotation: Any, *, is_answer: bool = False) -> None:
        self.annotation = annotation = _unaliased(annotation)
        self.definitions: dict[str, Any] = {}
        self._is_answer = is_answer
        self._adapter = adapter_of(annotation) if needs_pydantic(annotation) else None
        if self._adapter is not None:
            self.schema, found = schema_of(self._adapter, is_answer=is_answer)
        else:
            self.schema, found = self._describe()
        self.definitions |= found
        self.is_array = _library_type(annotation) == "ndarray"
        self.is_bytes = annotation is bytes
        self.dtype = _dtype(annotation) if self.is_array else None
        self.shape: tuple[int, ...] | None = None
        either = self.schema.get("anyOf", [self.schema])
        kinds = [one for one in either if one.get("type") != "null"]
        self.takes_null = len(kinds) < len(either)
        self.takes_objects = any(one.get("type") not in _NO_OBJECTS for one in kinds)
        self.is_any_object = any(one.get("type") == "object" and "properties" not in one for one in kinds)
        # Lists of numbers and the like need none of the care that arrays need.
        self._takes_arrays = _reader(annotation) is not None
        self._has_defaults = self._adapter is None and has_defaults(annotation)

    def read(self, value: Any, name: str, *, is_text: bool = False) -> Any:
        """``value`` as this type; text of a query may also be what it spells. Raises `BadInput`."""
        if not self._takes_arrays:
            value = plain(value)
        try:
            if self._adapter is not None:
                return validated(self._adapter.validate_python, value)
            found = msgspec.convert(value, self.annotation, strict=not is_text, dec_hook=_decode)
        except (msgspec.ValidationError, ValueError) as error:
            if is_text and isinstance(value, str) and (spelt := _spelt(value)) is not None:
                return self.read(spelt, name)
            raise BadInput(explained(str(error), name)) from None
        if self.is_array:
            self.check_shape(found, name)
        if self._has_defaults:
            complete(found)
        return found

    def fits(self, array: Any) -> bool:
        """Whether it has, but for the first dimension, the shape of the sample, if there is one."""
        return self.shape is None or array.shape[1:] == self.shape[1:]

    def check_shape(self, array: Any, name: str) -> None:
        """Raises `BadInput` for one that does not fit."""
        if self.shape is not None and not self.fits(array):
            wanted = ", ".join(["any", *map(str, self.shape[1:])])
            message = f"Expected an array of shape ({wanted}), got {array.shape}"
            raise BadInput(explained(message, name))

    def learn(self, array: Any) -> None:
        """``array`` is a sample: its shape and kind of number are those of all."""
        self.shape = array.shape
        items: dict[str, Any] = {"f": {"type": "number"}, "i": {"type": "integer"}}.get(array.dtype.kind, {})
        for _ in array.shape:
            items = {"type": "array", "items": items}
        self.schema = {**self.schema, **items}

    def _describe(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The schema and its definitions; any value where only the description is impossible."""
        try:
            (schema,), found = msgspec.json.schema_components(
                (self.annotation,), schema_hook=self._schema_of, ref_template=f"{REFERENCES}{{name}}"
            )
        except (TypeError, ValueError, RecursionError) as error:
            if not _is_known(self.annotation):
                raise Unknown(str(error)) from None
            return {}, {}  # a default, say, that JSON does not have
        return schema, found

    def _schema_of(self, kind: Any) -> dict[str, Any]:
        library = _library_type(kind)
        if library == "model":
            schema, found = schema_of(kind, is_answer=self._is_answer)
            self.definitions |= found
            return schema
        if library is None:
            raise TypeError(f"{getattr(kind, '__name__', kind)} is nothing that JSON has")
        return _SCHEMAS[library](kind)


def _is_known(annotation: Any) -> bool:
    """Whether each type in ``annotation`` can be read."""
    try:
        return not any(
            isinstance(found, msgspec.inspect.CustomType) and _reader(found.cls) is None
            for found in nested_types(annotation)
        )
    except (TypeError, ValueError, RecursionError):
        return False


def _spelt(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return None


def _decode(kind: Any, value: Any) -> Any:
    """msgspec's hook: ``value`` as a type that it does not know; it adds the path to ValueErrors."""
    reader = _reader(kind)
    if reader is None:
        raise TypeError(f"{kind} cannot be read")
    return reader(value)


def _reader(kind: Any) -> Callable[[Any], Any] | None:
    library = _library_type(kind)
    if library == "ndarray":
        dtype = _dtype(kind)
        return lambda value: read_array(value, dtype)
    if library == "model":
        return lambda value: validated(kind.model_validate, value)
    return {"DataFrame": read_frame, "Series": read_series, "object": _as_it_is}.get(library or "")


def _as_it_is(value: Any) -> Any:
    return value


def _unaliased(kind: Any) -> Any:
    """What an alias of Python 3.12's ``type`` statement stands for, such as numpy's `NDArray` since 2.5."""
    while True:
        arguments = get_args(kind)
        alias = get_origin(kind) if arguments else kind
        if type(alias).__name__ != "TypeAliasType":
            return kind
        kind = alias.__value__[arguments] if arguments else alias.__value__


def _library_type(kind: Any) -> str | None:
    """Which of the types that msgspec does not know, in modules that are imported already."""
    kind = _unaliased(kind)
    kind = get_origin(kind) or kind
    if not isinstance(kind, type):
        return None
    if kind is object:
        return "object"
    for module, name in (("numpy", "ndarray"), ("pandas", "DataFrame"), ("pandas", "Series")):
        if kind is getattr(sys.modules.get(module), name, None):
            return name
    base = getattr(sys.modules.get("pydantic"), "BaseModel", None)
    return "model" if base is not None and issubclass(kind, base) else None


def _dtype(kind: Any) -> Any:
    """That of ``NDArray[float32]``; None for any."""
    for argument in get_args(_unaliased(kind)):
        if getattr(get_origin(argument), "__name__", "") == "dtype":
            scalar = get_args(argument)[0]
            # NDArray[np.floating] and NDArray[Any] leave it open.
            return scalar if isinstance(scalar, type) and not scalar.__subclasses__() else None
    return None


def _array_schema(kind: Any) -> dict[str, Any]:
    return {"type": "array", "items": {}, "format": "numpy.ndarray"}


def _frame_schema(kind: Any) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "object"}, "format": "pandas.DataFrame:records"}


def _series_schema(kind: Any) -> dict[str, Any]:
    return {"type": "array", "items": {}, "format": "pandas.Series"}


_SCHEMAS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "object": lambda kind: {},
    "ndarray": _array_schema,
    "DataFrame": _frame_schema,
    "Series": _series_schema,
}
