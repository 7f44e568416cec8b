"""Models that take named arrays of known types and shapes, such as ONNX graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from mlmagic.scoring.frameworks.serving import DATA
from mlmagic.scoring.http.request import BadInput
from mlmagic.scoring.inputs.arrays import Misfit, explained, parse_array, plain, read_array
from mlmagic.scoring.inputs.bodies import Whole

FREE = "any"
"""The name of a dimension that may have any size and has no name of its own."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output of a graph."""

    name: str
    dtype: Any = None
    """numpy's type; None if it may be any."""
    dims: tuple[int | str, ...] | None = None
    """A number is a fixed size, a name stands for any size; None if any number of dimensions is accepted."""

    @property
    def first_is_free(self) -> bool:
        return self.dims is None or (bool(self.dims) and isinstance(self.dims[0], str))

    def read(self, value: Any, key: str) -> Any:
        """Convert to an `ndarray` of this type and shape. Raises `BadInput`; ``key`` names the value."""
        try:
            array = self._array(value)
            self._check(array)
        except Misfit as error:
            raise BadInput(explained(str(error), key)) from None
        return array

    def _array(self, value: Any) -> Any:
        if self.dims == () and not isinstance(value, list | dict):
            return numpy.asarray(value, self.dtype)
        if self.dtype is None or numpy.dtype(self.dtype).kind != "U":
            return read_array(value, self.dtype)
        array = read_array(value)
        if array.size and array.dtype.kind != "U":
            raise Misfit(f"Expected an array of text, got one of {array.dtype}")
        return array.astype(object)

    def _check(self, array: Any) -> None:
        dims = self.dims
        if dims is None:
            return
        fits = len(dims) == array.ndim and all(
            wanted == there
            for wanted, there in zip(dims, array.shape, strict=True)
            if isinstance(wanted, int)
        )
        if not fits:
            raise Misfit(f"Expected an array of shape {_shape(dims)}, got {_shape(array.shape)}")

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema: nested arrays, with the fixed lengths."""
        told: dict[str, Any] = dict(_ITEMS.get(self._kind(), {}))
        for size in reversed(self.dims or ()):
            told = {"type": "array", "items": told}
            if isinstance(size, int):
                told |= {"minItems": size, "maxItems": size}
        if self.dims is None:
            told = {"type": "array", "items": {}}
        words = [self._named_type(), f"shape {_shape(self.dims)}" if self.dims is not None else ""]
        if any(words):
            told |= {"description": ", ".join(word for word in words if word)}
        return told | ({"format": "numpy.ndarray"} if self.dims != () else {})

    def _kind(self) -> str:
        return "" if self.dtype is None else str(numpy.dtype(self.dtype).kind)

    def _named_type(self) -> str:
        return "" if self.dtype is None else "text" if self._kind() == "U" else str(numpy.dtype(self.dtype))


class TensorModel:
    """The base class of models that take tensors; a subclass implements `call`.

    A model with one input takes ``{"data": ...}``, the name of the input as the key, or the value alone. One
    with several inputs takes them by name. One output is returned alone; several are returned by name.
    """

    def __init__(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor] = ()) -> None:
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        if not self.inputs:
            raise ValueError("the model has no inputs: it cannot be served")

    def call(self, feed: dict[str, Any]) -> Any:
        """Return the outputs for arrays, which are given by the names of the inputs."""
        raise NotImplementedError

    @property
    def unstackable(self) -> str:
        for each in self.inputs:
            if not each.first_is_free:
                dims = _shape(each.dims or ())
                return f"the first axis of its input {each.name!r}, of shape {dims}, is fixed"
        return ""

    @property
    def _only(self) -> Tensor | None:
        return self.inputs[0] if len(self.inputs) == 1 else None

    def parse(self, body: bytes) -> Any | None:
        only = self._only
        if only is None or (only.dtype is not None and numpy.dtype(only.dtype).kind not in "iuf"):
            return None
        return parse_array(body, DATA, only.dtype)

    def read(self, values: dict[str, Any] | Whole) -> dict[str, Any]:
        only = self._only
        if isinstance(values, Whole):
            if only is None:
                raise BadInput(f"The body is one value. {self._wanted()}")
            return {DATA: only.read(values.value, DATA)}
        if only is not None:
            key = DATA if DATA in values else only.name
            if key not in values:
                raise BadInput(f"A value is not provided for the {DATA!r} parameter.")
            return {DATA: only.read(values[key], key)}
        missing = [each.name for each in self.inputs if each.name not in values]
        if missing:
            raise BadInput(f"A value is not provided for the {missing[0]!r} parameter. {self._wanted()}")
        found = {each.name: each.read(plain(values[each.name]), each.name) for each in self.inputs}
        self._check_together(found)
        return found

    def _check_together(self, arrays: dict[str, Any]) -> None:
        """Check that dimensions of one name have one size in all inputs."""
        sizes: dict[str, tuple[int, str]] = {}
        for each in self.inputs:
            for dim, size in zip(each.dims or (), arrays[each.name].shape, strict=False):
                if isinstance(dim, int) or dim == FREE:
                    continue
                known, where = sizes.setdefault(dim, (size, each.name))
                if known != size:
                    raise BadInput(
                        f"The model's inputs {where!r} and {each.name!r} share the dimension {dim!r}, "
                        f"which is {known} in one and {size} in the other."
                    )

    def _wanted(self) -> str:
        names = ", ".join(each.name for each in self.inputs)
        return f"The model takes {names}: send an object with these names."

    def predict(self, arguments: dict[str, Any]) -> Any:
        only = self._only
        return self.call({only.name: arguments[DATA]} if only else arguments)

    def learn(self, arguments: dict[str, Any]) -> None:
        """Do nothing: the inputs are known without a sample."""

    def describe(self) -> dict[str, Any]:
        only = self._only
        properties = {DATA if only else each.name: each.schema() for each in self.inputs}
        told: dict[str, Any] = {
            "input": {"type": "object", "properties": properties, "required": list(properties)}
        }
        if len(self.outputs) == 1:
            told["output"] = self.outputs[0].schema()
        elif self.outputs:
            named = {each.name: each.schema() for each in self.outputs}
            told["output"] = {"type": "object", "properties": named}
        return told


def answer_of(names: Sequence[str], values: Sequence[Any]) -> Any:
    """Return a single value alone, several values by name."""
    return values[0] if len(values) == 1 else dict(zip(names, values, strict=True))


def _shape(dims: Sequence[int | str]) -> str:
    return f"({', '.join(map(str, dims))}{',' if len(dims) == 1 else ''})"


_ITEMS: dict[str, dict[str, Any]] = {
    "f": {"type": "number"},
    "i": {"type": "integer"},
    "u": {"type": "integer", "minimum": 0},
    "b": {"type": "boolean"},
    "U": {"type": "string"},
}
