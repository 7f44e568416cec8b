"""How a request becomes the arguments of run(); decided once, when the script is loaded.

    PlainInput     run(raw_data): the body as text, the query of a GET as JSON text
    TypedInput     run(data: ndarray, top: int = 3): a JSON object holds the parameters by name
    SchemaInput    @input_schema: a JSON object holds the parameters by name
    RawInput       @rawhttp: the request itself, and OPTIONS comes to the script too
    a `Learner`    the run() of a model without a script reads its requests: `mlmagic.scoring.frameworks`

`WithHeaders` around any of them adds ``request_headers``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol

from mlmagic.scoring.http.request import BadInput, Request, query_values
from mlmagic.scoring.inputs.arrays import LARGE, parse_array
from mlmagic.scoring.inputs.bodies import Whole, is_json, is_readable, kind_of, parse_json, read_body
from mlmagic.scoring.inputs.parameters import (
    HEADERS_PARAMETER,
    RAW,
    READER,
    SCHEMA,
    NotAnEntryScript,
    Parameters,
)
from mlmagic.scoring.inputs.typed import TypedInput
from mlmagic.scoring.shims.installed_http import take_raw_request


class Described(Protocol):
    """What is known of run()'s parameters and its answer."""

    def optional(self) -> set[str]:
        """Parameters that a request may leave out though they have no default."""

    def describe(self) -> dict[str, Any]:
        """``input`` and ``output``: schemas; ``definitions``, by name; ``versions`` of OpenAPI that have
        all of it; names that are ``required``, where the schema does not say so. Each may be missing."""


class Input(Protocol):
    """A mode."""

    @property
    def takes_options(self) -> bool:
        """Whether OPTIONS is for the script to answer."""

    def arguments(self, request: Request) -> dict[str, Any]:
        """For run(), by name. Raises `BadInput`."""


class Learner(Input, Described, Protocol):
    """A mode that describes itself, the better the more it has seen."""

    def learn(self, sample: Any, arguments: dict[str, Any]) -> None:
        """``sample`` is a body that the script shows, ``arguments`` what it became."""


class PlainInput:
    """The body, whatever its type, is the text that the first parameter gets."""

    takes_options = False

    def __init__(self, parameters: Parameters) -> None:
        parameters.check_single()
        self._name = parameters.data

    def arguments(self, request: Request) -> dict[str, Any]:
        return {self._name: request.text()}


class RawInput:
    """The first parameter gets the whole request, as ``make`` makes it of ours."""

    takes_options = True

    def __init__(self, parameters: Parameters, make: Callable[[Request], Any]) -> None:
        parameters.check_single()
        self._name = parameters.data
        self._make = make

    def arguments(self, request: Request) -> dict[str, Any]:
        return {self._name: self._make(request)}


class SchemaInput:
    """Each parameter is a key of the body; other keys are ignored. The decorator converts."""

    takes_options = False

    def __init__(self, parameters: Parameters, schema: Described) -> None:
        self._names = parameters.names
        self._required = frozenset(parameters.required) - schema.optional()
        arrays: list[str] = getattr(schema, "arrays", list)()
        self._array = arrays[0] if arrays == self._names else None
        """The one parameter there is, if it is an array of numbers."""

    def arguments(self, request: Request) -> dict[str, Any]:
        if request.method == b"GET":
            values = query_values(request.query)
        elif self._array and (array := _large_array(request, self._array)) is not None:
            return {self._array: array}
        else:
            values = _named_values(request, self._names)
        arguments = {}
        for name in self._names:
            if name in values:
                arguments[name] = values[name]
            elif name in self._required:
                raise BadInput(f"A value is not provided for the {name!r} parameter.")
        return arguments


class WithHeaders:
    """Another mode, and the headers."""

    def __init__(self, inner: Input) -> None:
        self.inner = inner
        self.takes_options = inner.takes_options

    def arguments(self, request: Request) -> dict[str, Any]:
        arguments = self.inner.arguments(request)
        arguments[HEADERS_PARAMETER] = request.headers()
        return arguments


def input_of(run: Callable[..., object], parameters: Parameters) -> Input:
    """The mode of ``run``. Raises `NotAnEntryScript`."""
    schema = schema_of(run)
    raw = mark(run, RAW) or take_raw_request()
    if raw and schema:
        raise NotAnEntryScript("run() has both @rawhttp and a schema: it can take a request in one way only")
    mode: Input
    if (reader := mark(run, READER)) is not None:
        mode = reader
    elif raw:
        mode = RawInput(parameters, raw)
    elif schema:
        mode = SchemaInput(parameters, schema)
    else:
        mode = TypedInput.of(run, parameters) or PlainInput(parameters)
    return WithHeaders(mode) if parameters.takes_headers else mode


def schema_of(run: Callable[..., object]) -> Described | None:
    """What `input_schema` and `output_schema` have left on ``run``, ours or the real ones."""
    found: Described | None = mark(run, SCHEMA)
    return found or _installed_schema(run)


def learner_of(mode: Input) -> Learner | None:
    """``mode`` if it learns from a sample, with or without headers."""
    inner: Any = mode.inner if isinstance(mode, WithHeaders) else mode
    return inner if hasattr(inner, "learn") else None


def _installed_schema(run: Callable[..., object]) -> Described | None:
    if "inference_schema" not in sys.modules:
        return None
    from mlmagic.scoring.shims.installed_schema import InstalledSchema

    return InstalledSchema.of(run)


def mark(function: Any, name: str) -> Any:
    """What a decorator has left: the attribute ``name`` of ``function``, or of what it wraps."""
    while function is not None:
        if (found := getattr(function, name, None)) is not None:
            return found
        function = getattr(function, "__wrapped__", None)
    return None


def _large_array(request: Request, name: str) -> Any | None:
    if len(request.body) < LARGE or not is_json(kind_of(request)):
        return None
    return parse_array(request.body, name)


def _named_values(request: Request, names: list[str]) -> dict[str, Any]:
    kind = kind_of(request)
    if is_readable(kind) or request.values is not None:
        values = read_body(request)
        return {names[0]: values.value} if isinstance(values, Whole) else values
    if not is_json(kind):
        raise BadInput("Expects Content-Type to be application/json", status=415)
    if not request.body:
        raise BadInput("POST body is empty. Expecting a JSON dictionary.")
    found = parse_json(request.body)
    if not isinstance(found, dict):
        raise BadInput("POST body should be a JSON dictionary.")
    return found
