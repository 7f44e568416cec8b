"""A converter for linear classifiers without probabilities in double precision, which skl2onnx lacks."""

from __future__ import annotations

from typing import Any

import numpy

from mlmagic.engine.compilation.graph_nodes import GraphNodes
from mlmagic.engine.compilation.tree_sources import Unsupported

NAMES = ("LinearSVC", "RidgeClassifier", "Perceptron", "PassiveAggressiveClassifier")
_INTEGER = 7
"""The number of int64 in ONNX."""


def register() -> None:
    """Tell skl2onnx of the converter, in this process."""
    from skl2onnx import update_registered_converter
    from sklearn import linear_model, svm

    options = {name: [True, False] for name in ("zipmap", "nocl", "raw_scores", "output_class_labels")}
    for name in NAMES:
        found = getattr(linear_model, name, None) or getattr(svm, name, None)
        if found is not None:
            update_registered_converter(
                found, f"Exact{name}", _shapes, _convert, overwrite=True, options=options
            )


def _shapes(operator: Any) -> None:
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType

    rows, classifier = operator.inputs[0].get_first_dimension(), operator.raw_operator
    kind = StringTensorType if classifier.classes_.dtype.kind in "OU" else Int64TensorType
    operator.outputs[0].type = kind([rows])
    operator.outputs[1].type = type(operator.inputs[0].type)([rows, len(numpy.atleast_2d(classifier.coef_))])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    from skl2onnx.common.data_types import DoubleTensorType

    classifier, source = operator.raw_operator, operator.inputs[0]
    if not isinstance(source.type, DoubleTensorType):
        raise Unsupported("Its input is not in double precision.")
    coefficients = numpy.atleast_2d(classifier.coef_).astype(float)
    graph = GraphNodes(scope, container)
    label, scores = (each.full_name for each in operator.outputs)
    product = graph.add("MatMul", source.full_name, graph.constant(coefficients.T))
    intercept = numpy.broadcast_to(numpy.asarray(classifier.intercept_, float), (len(coefficients),))
    graph.to(scores, "Add", product, graph.constant(intercept))
    if len(coefficients) == 1:
        flat = graph.add("Reshape", scores, graph.constant(numpy.array([-1], numpy.int64)))
        place = graph.add("Cast", graph.add("Greater", flat, graph.constant(0.0)), to=_INTEGER)
    else:
        place = graph.add("ArgMax", scores, axis=1, keepdims=0)
    graph.to(label, "Gather", graph.constant(graph.labels(classifier.classes_)), place, axis=0)
