"""Adds nodes to a graph that skl2onnx builds."""

from __future__ import annotations

from typing import Any

import numpy


class GraphNodes:
    """The graph of a converter: of its scope and its container."""

    def __init__(self, scope: Any, container: Any) -> None:
        self._scope, self._container = scope, container

    def add(self, kind: str, *inputs: str, **options: Any) -> str:
        """Add a node; returns the name of its output. ``options`` are as for `to`."""
        output = self._scope.get_unique_variable_name(kind.lower())
        self.to(output, kind, *inputs, **options)
        return str(output)

    def to(
        self,
        output: str,
        kind: str,
        *inputs: str,
        domain: str = "",
        version: int | None = None,
        **options: Any,
    ) -> None:
        """Add a node with the output ``output``; ``options`` are its attributes."""
        name = self._scope.get_unique_operator_name(kind)
        if version is not None:
            options["op_version"] = version
        self._container.add_node(kind, list(inputs), [output], name=name, op_domain=domain, **options)

    @staticmethod
    def labels(classes: Any) -> Any:
        """Labels as a graph can hold them; the output is converted to the type of the estimator's."""
        return classes if classes.dtype.kind in "OU" else classes.astype(numpy.int64)

    def constant(self, value: Any) -> str:
        """Add a constant; returns its name."""
        from onnx import helper

        array = numpy.asarray(value)
        name = self._scope.get_unique_variable_name("constant")
        if array.dtype.kind in "OU":
            kind, values = 8, [str(each).encode() for each in array.ravel()]
        else:
            kind, values = helper.np_dtype_to_tensor_dtype(array.dtype), array.ravel().tolist()
        self._container.add_initializer(name, kind, list(array.shape), values)
        return str(name)
