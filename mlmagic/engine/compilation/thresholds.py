"""Values on whose two sides the prediction of an estimator jumps: thresholds of trees, edges of bins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy

from mlmagic.engine.compilation.tree_sources import Ensemble, ensemble_of

Thresholds = dict[int, Any]
"""Sorted values, by the number of a column."""
_LIMITS = {"Binarizer": "threshold", "BernoulliNB": "binarize"}
"""The attribute with the one threshold of all columns, by the name of the class."""


def thresholds_of(estimator: Any) -> Thresholds:
    """The thresholds of ``estimator``, and of the estimators that it consists of."""
    found: dict[int, list[Any]] = {}
    for column, values in _parts(estimator):
        found.setdefault(column, []).append(values)
    merged = {column: numpy.unique(numpy.concatenate(values)) for column, values in found.items()}
    # scikit-learn has an infinite threshold where only NaN goes the other way.
    finite = {column: values[numpy.isfinite(values)] for column, values in merged.items()}
    return {column: values for column, values in finite.items() if len(values)}


def _parts(estimator: Any) -> Iterator[tuple[int, Any]]:
    trees = ensemble_of(estimator)
    if trees is not None:
        yield from _of_trees(trees)
        return
    edges = getattr(estimator, "bin_edges_", None)
    if edges is not None:
        yield from ((column, numpy.asarray(values, float)) for column, values in enumerate(edges))
    limit = getattr(estimator, _LIMITS.get(type(estimator).__name__, ""), None)
    if limit is not None:
        yield from ((column, numpy.array([float(limit)])) for column in range(estimator.n_features_in_))
    for part in numpy.ravel(numpy.array(getattr(estimator, "estimators_", []), dtype=object)):
        # One that sees only some of the columns counts them by itself.
        if getattr(part, "n_features_in_", None) == getattr(estimator, "n_features_in_", None):
            yield from _parts(part)


def _of_trees(trees: Ensemble) -> Iterator[tuple[int, Any]]:
    splits = [numpy.asarray(tree.left) != -1 for _, tree in trees.trees]
    pairs = list(zip(trees.trees, splits, strict=True))
    features = numpy.concatenate([numpy.asarray(tree.feature)[split] for (_, tree), split in pairs])
    values = numpy.concatenate([numpy.asarray(tree.threshold, float)[split] for (_, tree), split in pairs])
    for column in numpy.unique(features):
        yield int(column), values[features == column]
