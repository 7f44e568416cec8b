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

    features, splits, missing = list[int](), list[Any](), list[int]()
    children: tuple[list[int], list[int]] = ([], [])
    is_leaf: tuple[list[int], list[int]] = ([], [])
    roots, leaf_targets, leaf_weights = list[int](), list[int](), list[Any]()
    for target, tree in trees:
        inner = _split_by_leaf(tree)
        base = len(splits)
        roots.append(base)
        place = {node: base + number for number, node in enumerate(inner)}
        for node in inner:
            features.append(int(tree.feature[node]))
            splits.append(tree.threshold[node])
            missing.append(int(tree.missing_left[node]))
            for side, found in enumerate((tree.left[node], tree.right[node])):
                child = node if found == -1 else int(found)  # a root that is a leaf: both sides are the leaf
                leaf = tree.left[child] == -1
                is_leaf[side].append(int(leaf))
                children[side].append(len(leaf_weights) if leaf else place[child])
                if leaf:
                    leaf_targets.append(target)
                    leaf_weights.append(tree.value[child])
    return {
        "nodes_featureids": features,
        "nodes_splits": numpy_helper.from_array(numpy.array(splits, dtype), "nodes_splits"),
        "nodes_modes": numpy_helper.from_array(numpy.full(len(splits), mode, numpy.uint8), "nodes_modes"),
        "nodes_missing_value_tracks_true": missing,
        "nodes_truenodeids": children[0],
        "nodes_trueleafs": is_leaf[0],
        "nodes_falsenodeids": children[1],
        "nodes_falseleafs": is_leaf[1],
        "tree_roots": roots,
        "leaf_targetids": leaf_targets,
        "leaf_weights": numpy_helper.from_array(numpy.array(leaf_weights, dtype), "leaf_weights"),
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


def _split_by_leaf(tree: Tree) -> list[int]:
    """The nodes that split; for a tree of one leaf, that leaf."""
    inner = [node for node in range(len(tree.left)) if tree.left[node] != -1]
    return inner or [0]
