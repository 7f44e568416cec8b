"""Converters for skl2onnx that keep trees exact, in place of its own, which round to single precision.

They are also used for trees inside a pipeline or another estimator.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy

from mlmagic.engine.compilation.graph_nodes import GraphNodes
from mlmagic.engine.compilation.tree_sources import Ensemble, Unsupported, ensemble_of
from mlmagic.engine.compilation.trees import MARK, ensemble

CLASSES = {
    "sklearn.ensemble": "RandomForest ExtraTrees GradientBoosting HistGradientBoosting",
    "sklearn.tree": "DecisionTree ExtraTree",
    "xgboost": "XGB XGBRF",
    "lightgbm": "LGBM",
}
"""The estimators, without ``Classifier`` and ``Regressor``."""
_SINGLE, _INTEGER, _DOUBLE = 1, 7, 11
"""The numbers of these types in ONNX."""


def register(packages: set[str]) -> None:
    """Tell skl2onnx of the converters, of the libraries among ``packages``; in this process."""
    from skl2onnx import update_registered_converter

    for module, names in CLASSES.items():
        if module.partition(".")[0] not in packages:
            continue
        for name in names.split():
            for kind in ("Classifier", "Regressor"):
                found = getattr(importlib.import_module(module), name + kind)
                options = {"zipmap": [True, False], "nocl": [True, False], "raw_scores": [True, False]}
                update_registered_converter(
                    found,
                    f"Exact{name}{kind}",
                    _classifier_shapes if kind == "Classifier" else _regressor_shapes,
                    _convert,
                    overwrite=True,
                    options=options if kind == "Classifier" else None,
                )


def _regressor_shapes(operator: Any) -> None:
    from skl2onnx.common.data_types import DoubleTensorType

    operator.outputs[0].type = DoubleTensorType([operator.inputs[0].get_first_dimension(), 1])


def _classifier_shapes(operator: Any) -> None:
    from skl2onnx.common.data_types import DoubleTensorType, Int64TensorType, StringTensorType

    rows = operator.inputs[0].get_first_dimension()
    classes = operator.raw_operator.classes_
    kind = StringTensorType if classes.dtype.kind in "OU" else Int64TensorType
    operator.outputs[0].type = kind([rows])
    found = _ensemble(operator)
    options = operator.scope_inst.get_options(operator.raw_operator, {"raw_scores": False})
    is_one_sum = found.targets == 1 and options.get("raw_scores", False)
    operator.outputs[1].type = DoubleTensorType([rows, 1 if is_one_sum else len(classes)])


def _ensemble(operator: Any) -> Ensemble:
    found = ensemble_of(operator.raw_operator)
    if found is None:
        raise Unsupported(f"The trees of a {type(operator.raw_operator).__name__} cannot be read.")
    return found


def _convert(scope: Any, operator: Any, container: Any) -> None:
    from onnx import helper

    found, estimator = _ensemble(operator), operator.raw_operator
    graph = GraphNodes(scope, container)
    exact = helper.np_dtype_to_tensor_dtype(numpy.dtype(found.precision))
    narrow = helper.np_dtype_to_tensor_dtype(numpy.dtype(found.input_precision))
    rounded = graph.add("Cast", operator.inputs[0].full_name, to=narrow)
    values = rounded if narrow == exact else graph.add("Cast", rounded, to=exact)
    if found.zero:
        near = graph.add("LessOrEqual", graph.add("Abs", values), graph.constant(found.precision(found.zero)))
        values = graph.add("Where", near, graph.constant(found.precision(0)), values)
    attributes = ensemble(found.trees, found.targets, found.precision, found.mode)
    total = graph.add("TreeEnsemble", values, domain=MARK, version=1, **attributes)
    if exact != _DOUBLE:  # the functions of single precision differ from library to library
        total = graph.add("Cast", total, to=_DOUBLE)
    if not hasattr(estimator, "classes_"):
        _end(graph, operator.outputs[0].full_name, total, found)
        return
    label, scores = (each.full_name for each in operator.outputs)
    raw = container.get_options(estimator, {"raw_scores": False}).get("raw_scores", False)
    place = _probabilities(graph, scores, total, found, is_raw=raw)
    graph.to(label, "Gather", graph.constant(graph.labels(estimator.classes_)), place, axis=0)


def _end(graph: GraphNodes, output: str, total: str, found: Ensemble) -> None:
    if found.end == "mean":
        graph.to(output, "Div", total, graph.constant(float(found.count)))
    else:
        graph.to(output, {"identity": "Identity", "exp": "Exp"}[found.end], total)


def _probabilities(graph: GraphNodes, output: str, total: str, found: Ensemble, *, is_raw: bool) -> str:
    """Compute the probabilities, or the sums, as ``output``; returns the number of the class."""
    if found.end in ("mean", "identity"):
        _end(graph, output, total, found)
        return graph.add("ArgMax", output, axis=1, keepdims=0)
    if is_raw:
        graph.to(output, "Identity", total)
    if found.end == "softmax":
        if not is_raw:
            graph.to(output, "Softmax", total, axis=1)
        return graph.add("ArgMax", total, axis=1, keepdims=0)
    positive = graph.add("Sigmoid", total)
    if not is_raw:
        graph.to(output, "Concat", graph.add("Sub", graph.constant(1.0), positive), positive, axis=1)
    values, limit = total, graph.constant(0.0)
    if found.precision is numpy.float32:  # XGBoost compares the probability, which it has rounded
        values, limit = graph.add("Cast", positive, to=_SINGLE), graph.constant(numpy.float32(0.5))
    compared = "GreaterOrEqual" if found.zero_is_positive else "Greater"
    flat = graph.add("Reshape", values, graph.constant(numpy.array([-1], numpy.int64)))
    return graph.add("Cast", graph.add(compared, flat, limit), to=_INTEGER)
