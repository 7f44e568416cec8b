"""`input_schema` and `output_schema`: decorators that describe run() and convert its arguments."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from mlmagic.scoring.inputs.parameters import SCHEMA
from mlmagic.scoring.shims.types import VERSIONS, AbstractParameterType, Mismatch, described

Function = Callable[..., Any]

DECORATED: list[Schema] = []
"""The schemas of all decorated functions, in the order in which they were created."""


class Parameter:
    """One decorated parameter."""

    __slots__ = ("convert", "name", "optional", "type")

    def __init__(self, name: str, type: AbstractParameterType, convert: bool, optional: bool) -> None:
        self.name = name
        self.type = type
        self.convert = convert
        self.optional = optional

    def value(self, given: Any) -> Any:
        """Convert the value for the function. Raises `Mismatch`."""
        if not self.convert or (given is None and self.optional):
            return given
        try:
            return self.type.deserialize_input(given)
        except Mismatch as error:
            raise error.inside(self.name) from None
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
            expected = f"a value that {type(self.type).__name__} can read ({error})"
            raise Mismatch(expected, described(given), self.name) from error


class Schema:
    """The decorators of one function; ``earlier`` are those below a decorator of another package."""

    def __init__(self, function: Function, earlier: Schema | None) -> None:
        self.function = function
        self.parameters: dict[str, Parameter] = {}
        self.output: AbstractParameterType | None = None
        self.earlier = earlier
        self.signature = inspect.signature(function)
        self.wrapper = self._wrapper()
        DECORATED.append(self)

    def _wrapper(self) -> Function:
        function, names = self.function, list(self.signature.parameters)

        @functools.wraps(function)
        def convert_and_call(*args: Any, **kwargs: Any) -> Any:
            if args and len(args) <= len(names):
                kwargs = {**dict(zip(names, args, strict=False)), **kwargs}
                args = ()
            return function(*args, **self.converted(kwargs))

        setattr(convert_and_call, SCHEMA, self)
        return convert_and_call

    def converted(self, values: dict[str, Any]) -> dict[str, Any]:
        """Convert the arguments of the function. Raises `Mismatch`."""
        for name, parameter in self.parameters.items():
            if name in values:
                values[name] = parameter.value(values[name])
            elif parameter.optional and self.needs(name):
                values[name] = None
        return values

    def needs(self, name: str) -> bool:
        """Whether the function has no default for ``name``."""
        return self.signature.parameters[name].default is inspect.Parameter.empty

    def _must_have(self, parameter: Parameter) -> bool:
        return not parameter.optional and self.needs(parameter.name)

    def add(self, parameter: Parameter) -> None:
        if parameter.name not in self.signature.parameters:
            known = ", ".join(self.signature.parameters) or "none"
            raise ValueError(f"input_schema names the parameter {parameter.name!r}: the function has {known}")
        # Decorators are applied from the bottom up: the one written first is applied last.
        rest = dict(self.parameters)
        self.parameters.clear()
        self.parameters.update({parameter.name: parameter, **rest})

    def all_parameters(self) -> dict[str, Parameter]:
        return {**self.parameters, **(self.earlier.all_parameters() if self.earlier else {})}

    def arrays(self) -> list[str]:
        """The parameters that are arrays of numbers."""
        return [
            name
            for name, parameter in self.all_parameters().items()
            if getattr(getattr(parameter.type.sample_input, "dtype", None), "kind", "") in ("i", "u", "f")
            and hasattr(parameter.type.sample_input, "ndim")
            and parameter.convert
        ]

    def answer(self) -> AbstractParameterType | None:
        return self.output or (self.earlier.answer() if self.earlier else None)

    def optional(self) -> set[str]:
        return {parameter.name for parameter in self.all_parameters().values() if parameter.optional}

    def describe(self) -> dict[str, Any]:
        """Return the schemas ``input`` and ``output``, if declared, and ``versions`` and ``required``."""
        parameters = self.all_parameters()
        answer = self.answer()
        types = [parameter.type for parameter in parameters.values()] + ([answer] if answer else [])
        told: dict[str, Any] = {
            "versions": [v for v in VERSIONS if all(v in each.supported_versions() for each in types)]
        }
        if parameters:
            told["required"] = [name for name, each in parameters.items() if self._must_have(each)]
            told["input"] = _object({name: each.type.input_to_swagger() for name, each in parameters.items()})
        if answer:
            told["output"] = answer.input_to_swagger()
        return told


def input_schema(
    param_name: str,
    param_type: AbstractParameterType,
    convert_to_provided_type: bool = True,
    optional: bool = False,
) -> Callable[[Function], Function]:
    """Describe the parameter ``param_name``; use it once for each parameter."""
    _check(param_type, "param_type")
    if not isinstance(param_name, str) or not param_name:
        raise ValueError(f"param_name {param_name!r} is not the name of a parameter")

    def decorate(function: Function) -> Function:
        schema = _schema_for(function)
        schema.add(Parameter(param_name, param_type, convert_to_provided_type, optional))
        return schema.wrapper

    return decorate


def output_schema(output_type: AbstractParameterType) -> Callable[[Function], Function]:
    """Describe what the function returns; use it once."""
    _check(output_type, "output_type")

    def decorate(function: Function) -> Function:
        schema = _schema_for(function)
        if schema.answer():
            raise ValueError("output_schema is used twice: a function has one")
        schema.output = output_type
        return schema.wrapper

    return decorate


def _check(given: object, name: str) -> None:
    if not isinstance(given, AbstractParameterType):
        raise TypeError(f"{name} is {given!r}: it must be a parameter type, as NumpyParameterType(sample)")


def _schema_for(function: Function) -> Schema:
    """Return the schema of a function that was just decorated; a new one for any other function."""
    found: Schema | None = getattr(function, SCHEMA, None)
    # The wrappers of other decorators copy the attribute: they must be called, not bypassed.
    return found if found is not None and found.wrapper is function else Schema(function, found)


def _object(schemas: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of an object with these parameters, and with their examples as its example."""
    return {
        "type": "object",
        "properties": {
            name: {key: value for key, value in schema.items() if key != "example"}
            for name, schema in schemas.items()
        },
        "example": {name: schema.get("example") for name, schema in schemas.items()},
    }
