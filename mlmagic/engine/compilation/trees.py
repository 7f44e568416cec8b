"""Decision trees as an ONNX TreeEnsemble that computes the very sums of the library it comes from.

Thresholds and leaves keep their precision, and the trees are added in their order. The operator with
double precision is in version 5 of ai.onnx.ml, which skl2onnx refuses: its nodes are marked until it is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy

DOMAIN, VERSION = "ai.onnx.ml", 5
MARK = "mlmagic"
"""The domain of a TreeEnsemble while skl2onnx converts."""
_SUM, _NO_TRANSFORM = 1, 0
LESS_OR_EQUAL, LESS = 0, 1
_COLUMNS = (
    *("featureids", "truenodeids", "trueleafs", "falsenodeids", "falseleafs", "missing", "targets"),
    *("splits", "weights"),
)
"""Of a table with a row for each node, or for each leaf."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree, with an entry for each node; the root is node 0. A leaf has no ``left``, which is then -1."""

    feature: Any
    threshold: Any
    left: Any
    """The next node if the value is below the threshold."""
    right: Any
    missing_left: Any
    """Whether NaN goes to the left."""
    value: Any
    """Of each leaf."""

    def with_value(self, value: Any) -> Tree:
        """The same splits with other leaves."""
        return Tree(self.feature, self.threshold, self.left, self.right, self.missing_left, value)


def constant(value: float) -> Tree:
    """A tree that returns ``value`` for each row."""
    one = numpy.array([0])
    return Tree(one, one, numpy.array([-1]), numpy.array([-1]), one, numpy.array([value]))


def ensemble(trees: Sequence[tuple[int, Tree]], targets: int, dtype: Any, mode: int) -> dict[str, Any]:
    """The attributes of a TreeEnsemble; ``trees`` are those of each target, in the order of their sum."""
    from onnx import numpy_helper

    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    roots, nodes, leaves = list[int](), 0, 0
    for target, tree in trees:
        roots.append(nodes)
        left, right = numpy.asarray(tree.left), numpy.asarray(tree.right)
        is_leaf = left == -1
        ends = numpy.flatnonzero(is_leaf)
        # A tree of one leaf has a node, too: both of its sides are the leaf.
        inner = numpy.flatnonzero(~is_leaf) if len(left) > 1 else numpy.array([0])
        place: Any = numpy.empty(len(left), int)
        place[inner] = nodes + numpy.arange(len(inner))
        place[ends] = leaves + numpy.arange(len(ends))
        for side, children in (("true", left), ("false", right)):
            child = numpy.where(is_leaf[inner], inner, children[inner])
            columns[f"{side}nodeids"].append(place[child])
            columns[f"{side}leafs"].append(is_leaf[child])
        columns["featureids"].append(numpy.asarray(tree.feature)[inner])
        columns["splits"].append(numpy.asarray(tree.threshold, dtype)[inner])
        columns["missing"].append(numpy.asarray(tree.missing_left)[inner])
        columns["weights"].append(numpy.asarray(tree.value, dtype)[ends])
        columns["targets"].append(numpy.full(len(ends), target))
        nodes, leaves = nodes + len(inner), leaves + len(ends)
    whole = {name: numpy.concatenate(parts) for name, parts in columns.items()}
    number = {name: whole[name].astype(int).tolist() for name in _COLUMNS[:-2]}
    return {
        "nodes_featureids": number["featureids"],
        "nodes_splits": numpy_helper.from_array(whole["splits"], "nodes_splits"),
        "nodes_modes": numpy_helper.from_array(numpy.full(nodes, mode, numpy.uint8), "nodes_modes"),
        "nodes_missing_value_tracks_true": number["missing"],
        "nodes_truenodeids": number["truenodeids"],
        "nodes_trueleafs": number["trueleafs"],
        "nodes_falsenodeids": number["falsenodeids"],
        "nodes_falseleafs": number["falseleafs"],
        "tree_roots": roots,
        "leaf_targetids": number["targets"],
        "leaf_weights": numpy_helper.from_array(whole["weights"], "leaf_weights"),
        "n_targets": targets,
        "aggregate_function": _SUM,
        "post_transform": _NO_TRANSFORM,
    }


def unmarked(model: Any) -> Any:
    """The model with its trees in their domain."""
    is_marked = False
    for node in model.graph.node:
        if node.domain == MARK:
            node.domain, is_marked = DOMAIN, True
    if is_marked:
        kept = [each for each in model.opset_import if each.domain not in (MARK, DOMAIN)]
        versions = [(each.domain, each.version) for each in kept]
        del model.opset_import[:]
        for domain, version in [*versions, (DOMAIN, VERSION)]:
            model.opset_import.add(domain=domain, version=version)
    return model
