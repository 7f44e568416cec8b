"""Typed input: run() says with ordinary annotations what it takes, and gets that."""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from mlmagic.scoring.http.request import BadInput, Request, query_texts
from mlmagic.scoring.inputs.arrays import LARGE, parse_array, plain_array
from mlmagic.scoring.inputs.bodies import Whole, values_of
from mlmagic.scoring.inputs.parameters import Parameters

if typing.TYPE_CHECKING:
    from mlmagic.scoring.inputs.types import Type

# What says nothing: scripts for Azure ML annotate the body as text, which is what it is.
_OPEN = (str, Any, object)


class TypedInput:
    """Each parameter is a key of the body, and of its type; other keys are ignored.

    A script with one parameter may also be sent its value alone.
    """

    takes_options = False

    def __init__(self, parameters: Parameters, types: dict[str, Type], answer: Type | None) -> None:
        self._types = types
        self._required = frozenset(parameters.required)
        self._answer = answer
        self._only = next(iter(types)) if len(types) == 1 else None
        self._array = self._only if self._only and types[self._only].is_array else None
        self.sample: Any = None
        """A body that fits, if the script has one to show."""

    @classmethod
    def of(cls, run: Callable[..., object], parameters: Parameters) -> TypedInput | None:
        """None if the annotations say nothing, or something that no value of JSON becomes.

        Raises `NotAnEntryScript` for constraints that could not be checked.
        """
        if not _says_something(getattr(run, "__annotations__", {}), parameters.names):
            return None
        try:
            hints = typing.get_type_hints(run, include_extras=True)
        except Exception as error:  # whatever the names in them lead to
            _tell(f"the annotations of run() cannot be read ({error}): it gets text")
            return None
        wanted = {name: hints[name] for name in parameters.names if name in hints}
        if not _says_something(wanted, parameters.names):
            return None
        from mlmagic.scoring.inputs.types import Type, Unknown

        try:
            types = {name: Type(wanted.get(name, Any)) for name in parameters.names}
        except Unknown as error:
            _tell(f"run() is annotated, but {error}: it gets text")
            return None
        try:
            answer = Type(hints["return"], is_answer=True) if "return" in hints else None
        except Unknown:
            answer = None
        return cls(parameters, types, answer)

    def arguments(self, request: Request) -> dict[str, Any]:
        if request.method == b"GET":
            return self._by_name(query_texts(request.query), is_text=True)
        if self._array is not None and request.fields.get(b"content-type") == b"application/json":
            array = self._quickly(request, self._types[self._array])
            if array is not None:
                return {self._array: array}
        values = values_of(request)
        if isinstance(values, Whole):
            return self._alone(values.value)
        if self._only is None or not self._is_its_value(values):
            return self._by_name(values)
        return self._alone(values)

    def _quickly(self, request: Request, kind: Type) -> Any | None:
        """An array of numbers that is what it should be; None for all that needs a second look."""
        name = self._array or ""
        if len(request.body) >= LARGE:
            array = parse_array(request.body, name, kind.dtype)
        else:
            array = plain_array(request.body, name, kind.dtype)
        return array if array is not None and kind.fits(array) else None

    def _by_name(self, values: dict[str, Any], *, is_text: bool = False) -> dict[str, Any]:
        arguments = {}
        for name, kind in self._types.items():
            if name in values:
                arguments[name] = kind.read(values[name], name, is_text=is_text)
            elif name in self._required:
                raise BadInput(f"A value is not provided for the {name!r} parameter.")
        if values and not arguments and not is_text:
            # A query may have other keys, such as a version of the service.
            raise BadInput(f"The body has none of the parameters of run(): {', '.join(self._types)}.")
        return arguments

    def _alone(self, value: Any) -> dict[str, Any]:
        name = self._only or next((name for name in self._types if name in self._required), "")
        if not name or self._required - {name}:
            raise BadInput(
                f"The body is one value, and run() takes {len(self._types)}: {', '.join(self._types)}. "
                "Send a JSON object, or a form, with these names.",
            )
        if isinstance(value, bytes) and not self._types[name].is_bytes:
            raise BadInput("Expects Content-Type to be application/json", status=415)
        return {name: self._types[name].read(value, name)}

    def _is_its_value(self, values: dict[str, Any]) -> bool:
        """Whether an object is the parameter's value itself: ``{"age": 3}`` for ``{"who": {"age": 3}}``."""
        name, kind = self._only or "", self._types[self._only or ""]
        if name not in values:
            return bool(values) and kind.takes_objects
        # {"data": [...]} for run(data: dict) can only be all of it.
        value = values[name]
        return kind.is_any_object and not (isinstance(value, dict) or (value is None and kind.takes_null))

    def learn(self, sample: Any, arguments: dict[str, Any]) -> None:
        """``sample`` is a body that the script shows, ``arguments`` what it became."""
        self.sample = sample
        for name, value in arguments.items():
            if name in self._types and self._types[name].is_array and value.ndim:
                self._types[name].learn(value)

    def optional(self) -> set[str]:
        return set(self._types) - self._required

    def describe(self) -> dict[str, Any]:
        """The schemas of the input and the answer, and the ``definitions`` they point at."""
        told: dict[str, Any] = {
            "input": {
                "type": "object",
                "properties": {name: dict(kind.schema) for name, kind in self._types.items()},
            },
            "definitions": {},
        }
        if self._required:
            told["input"]["required"] = [name for name in self._types if name in self._required]
        if self.sample is not None:
            told["input"]["example"] = self.sample
        if self._answer:
            told["output"] = dict(self._answer.schema)
        for kind in [*self._types.values(), *([self._answer] if self._answer else [])]:
            told["definitions"] |= kind.definitions
        copy: dict[str, Any] = orjson.loads(orjson.dumps(told))
        return copy


def _says_something(hints: Mapping[str, Any], names: list[str]) -> bool:
    """Whether the annotations ``hints`` say more than that the first of the parameters ``names`` is text.

    Any annotation of another parameter does: without it, only the first one gets anything.
    """
    return any(name in names[1:] or hint not in _OPEN for name, hint in hints.items())


def _tell(words: str) -> None:
    print(f"mlmagic: {words}", file=sys.stderr, flush=True)
