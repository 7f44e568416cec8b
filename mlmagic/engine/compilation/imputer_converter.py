"""A converter for SimpleImputer in double precision, which onnxruntime's own Imputer does not have."""

from __future__ import annotations

from typing import Any

import numpy

from mlmagic.engine.compilation.graph_nodes import GraphNodes
from mlmagic.engine.compilation.tree_sources import Unsupported


def register() -> None:
    """Tell skl2onnx of the converter, in this process."""
    from skl2onnx import update_registered_converter
    from sklearn.impute import SimpleImputer

    update_registered_converter(SimpleImputer, "ExactSimpleImputer", _shapes, _convert, overwrite=True)


def _shapes(operator: Any) -> None:
    given = operator.inputs[0].type
    operator.outputs[0].type = type(given)([operator.inputs[0].get_first_dimension(), given.shape[1]])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    imputer = operator.raw_operator
    graph = GraphNodes(scope, container)
    source, output = operator.inputs[0], operator.outputs[0].full_name
    if imputer.add_indicator or not _is_nan(imputer.missing_values):
        raise Unsupported("Its SimpleImputer adds an indicator, or replaces other values than NaN.")
    if isinstance(source.type, StringTensorType):
        # A table with missing text is left to the original.
        graph.to(output, "Identity", source.full_name)
        return
    precision = numpy.float32 if isinstance(source.type, FloatTensorType) else numpy.float64
    values = numpy.asarray(imputer.statistics_).astype(precision)
    if numpy.isnan(values).any():
        raise Unsupported("Its SimpleImputer removes a column without any value.")
    missing = graph.add("IsNaN", source.full_name)
    graph.to(output, "Where", missing, graph.constant(values.reshape(1, -1)), source.full_name)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value
