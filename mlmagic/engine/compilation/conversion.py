"""From an estimator to an ONNX graph for each of its methods."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy

from mlmagic.core.compiled_models import ESTIMATORS
from mlmagic.engine.compilation import (
    imputer_converter,
    linear_converter,
    neighbors_converter,
    tree_converters,
)
from mlmagic.engine.compilation.features import Features
from mlmagic.engine.compilation.tree_sources import Unsupported, ensemble_of
from mlmagic.engine.compilation.trees import unmarked
from mlmagic.scoring.compiled.inputs import INPUT, column_input

METHODS = ("predict", "predict_proba", "decision_function", "transform")
"""The methods that can be compiled."""
OPSET = {"": 18, "ai.onnx.ml": 3}
IR_VERSION = 9
_NO_OUTPUT = "The converter to ONNX makes no output for it."


def methods_of(estimator: Any) -> list[str]:
    """The methods of ``estimator`` that can be compiled."""
    return [name for name in METHODS if callable(getattr(estimator, name, None))]


def input_dtypes(estimator: Any) -> list[str]:
    """The types that the numbers of a graph's input may have, the best first.

    That is the one to which the estimator itself rounds its input. Some operators have single precision only.
    """
    trees = ensemble_of(estimator)
    if trees is not None:
        return [numpy.dtype(trees.input_precision).name]
    return ["float64", "float32"]


def graphs(estimator: Any, features: Features, dtype: str) -> Iterator[tuple[str, Any]]:
    """The graph of each method for numbers of ``dtype``, or the `Unsupported` that says why it has none.

    Raises `Unsupported` if the first method has none.
    """
    tree_converters.register({name for name in ESTIMATORS if name in sys.modules})
    for each in (imputer_converter, linear_converter, neighbors_converter):
        each.register()
    methods = methods_of(estimator)
    if not methods:
        raise Unsupported(f"A {type(estimator).__name__} has none of the methods {', '.join(METHODS)}.")
    whole = _convert(estimator, features, dtype, raw=False)
    outputs = [each.name for each in whole.graph.output]
    for number, method in enumerate(method for method in methods if method != "decision_function"):
        has_output = number < len(outputs)
        yield method, _only(whole, outputs[number]) if has_output else Unsupported(_NO_OUTPUT)
    if "decision_function" in methods:
        try:
            raw = _convert(estimator, features, dtype, raw=True)
        except Unsupported as error:
            yield "decision_function", error
        else:
            yield "decision_function", _only(raw, raw.graph.output[-1].name)


def finished(graph: Any, expected: Any, width: int | None) -> Any:
    """Add to a graph what makes its output like ``expected``, an output of the original: shape and type.

    ``width`` is the number of columns of the graph's output; None if it has one dimension.
    """
    from onnx import TensorProto, helper

    output = graph.graph.output[0]
    last, steps = output.name, list[tuple[str, list[str], dict[str, Any]]]()
    if expected.ndim == 1 and width is not None:
        column = 0 if width == 1 else 1
        steps.append(("Gather", [last, "mlmagic_column"], {"axis": 1}))
        initializer = helper.make_tensor("mlmagic_column", TensorProto.INT64, [], [column])
        graph.graph.initializer.append(initializer)
        output.type.tensor_type.shape.ClearField("dim")
        output.type.tensor_type.shape.dim.add()
    if expected.dtype.kind in "biuf":
        wanted = helper.np_dtype_to_tensor_dtype(expected.dtype)
        if wanted != output.type.tensor_type.elem_type:
            steps.append(("Cast", [last], {"to": wanted}))
            output.type.tensor_type.elem_type = wanted
    for number, (kind, inputs, options) in enumerate(steps):
        result = f"mlmagic_output_{number}"
        graph.graph.node.append(helper.make_node(kind, [last, *inputs[1:]], [result], **options))
        last = result
    output.name = last
    return graph


def _convert(estimator: Any, features: Features, dtype: str, *, raw: bool) -> Any:
    from skl2onnx import convert_sklearn

    inputs = _inputs(features, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            options = _options(_final(estimator), raw)
            model = convert_sklearn(estimator, initial_types=inputs, options=options, target_opset=OPSET)
        except Unsupported:
            raise
        except Exception as error:
            first = (str(error).strip().splitlines() or [""])[0][:200]
            raise Unsupported(
                f"The converter to ONNX does not support it: {type(error).__name__}: {first}"
            ) from error
    model.ir_version = min(model.ir_version, IR_VERSION)
    return unmarked(model)


def _options(final: Any, raw: bool) -> dict[Any, Any]:
    """The options of the converter of the last step, of those that it has."""
    from skl2onnx._supported_operators import _get_sklearn_operator_name
    from skl2onnx.common._registration import _converter_pool

    wanted: dict[str, Any] = {"zipmap": False, **({"raw_scores": True} if raw else {})}
    try:
        known = _converter_pool[_get_sklearn_operator_name(type(final))].get_allowed_options()
    except Exception:
        return {}
    return {id(final): {name: value for name, value in wanted.items() if name in (known or ())}}


def _final(estimator: Any) -> Any:
    """The last step of a pipeline, which has the options of the converter."""
    while isinstance(getattr(estimator, "steps", None), list):
        estimator = estimator.steps[-1][1]
    return estimator


def _inputs(features: Features, dtype: str) -> list[tuple[str, Any]]:
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType

    numbers = FloatTensorType if dtype == "float32" else DoubleTensorType
    if features.by_column:
        types = {"n": numbers, "s": StringTensorType}
        # The converter finds the columns of a ColumnTransformer by these names.
        named = zip(features.columns, features.kinds, strict=True)
        return [(name, types[kind]([None, 1])) for name, kind in named]
    return [(INPUT, numbers([None, features.width]))]


def renamed(model: Any, features: Features) -> Any:
    """Rename the inputs of a graph for a table to those that `mlmagic.scoring.compiled.inputs` feeds.

    A column may have any name, also one that a node of the graph has. A column that no node reads stays.
    """
    if not features.by_column:
        return model
    names = {name: column_input(place) for place, name in enumerate(features.columns)}
    for given in model.graph.input:
        given.name = names.get(given.name, given.name)
    for node in model.graph.node:
        for number, name in enumerate(node.input):
            if name in names:
                node.input[number] = names[name]
    return model


def _only(model: Any, output: str) -> Any:
    """The part of a graph that computes ``output``; its inputs stay as they are."""
    import onnx

    part = onnx.ModelProto()
    part.CopyFrom(model)
    needed, nodes = {output}, []
    for node in reversed(part.graph.node):
        if needed & set(node.output):
            nodes.append(node)
            needed |= {*node.input, *_inner_names(node)}
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in reversed(nodes)]
    del part.graph.node[:]
    part.graph.node.extend(kept)
    initializers = [each for each in model.graph.initializer if each.name in needed]
    del part.graph.initializer[:]
    part.graph.initializer.extend(initializers)
    outputs = [each for each in model.graph.output if each.name == output]
    del part.graph.output[:]
    part.graph.output.extend(outputs)
    del part.graph.value_info[:]
    return part


def _inner_names(node: Any) -> Iterator[str]:
    """The names that the inner graphs of a loop read."""
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from inner.input
            yield from _inner_names(inner)
