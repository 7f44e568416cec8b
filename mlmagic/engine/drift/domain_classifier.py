"""A classifier that tells collected rows from the baseline: it finds drift that is in no single feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlmagic.core.drift import DomainClassifier, FeatureKind
from mlmagic.engine.drift.columns import Column

MOST_ROWS = 5000
"""Of each table; others are left out by chance. With so many, the interval is narrow enough."""
_SEED = 0
_RESAMPLES, _BATCH = 1000, 50
_MOST_CATEGORIES = 255
"""Of scikit-learn's categorical features; those after them count as one."""


def domain_classifier(columns: Sequence[Column]) -> DomainClassifier:
    """Train on half of the rows of each table, and measure on the other half.

    On rows that it has not seen, the scores of both tables have the same distribution unless there is a
    drift, so the Mann-Whitney test has an exact false-alarm rate. Cross-validation would not: its folds
    depend on each other.
    """
    import numpy
    from scipy import stats
    from sklearn.ensemble import HistGradientBoostingClassifier

    random = numpy.random.default_rng(_SEED)
    tested = [column for column in columns if column.kind is not FeatureKind.CONSTANT]
    if not tested:
        return DomainClassifier(0.5, 0.5, 0.5, 1.0)
    halves = [_halves(table, random) for table in _tables(tested)]
    (train_before, test_before), (train_now, test_now) = halves
    model = HistGradientBoostingClassifier(
        max_iter=50,
        max_leaf_nodes=8,
        categorical_features=[column.kind is FeatureKind.CATEGORY for column in tested],
        class_weight="balanced",
        random_state=_SEED,
    )
    model.fit(numpy.concatenate([train_before, train_now]), [0] * len(train_before) + [1] * len(train_now))
    before, now = (model.predict_proba(rows)[:, 1] for rows in (test_before, test_now))
    found = stats.mannwhitneyu(now, before, alternative="greater", method="asymptotic")
    auc = float(found.statistic) / (len(now) * len(before))
    low, high = _interval(before, now)
    return DomainClassifier(auc, low, high, float(found.pvalue))


def _tables(columns: Sequence[Column]) -> tuple[Any, Any]:
    """Both tables as numbers: categories as their codes, missing values as NaN."""
    import numpy
    import pandas

    befores, nows = [], []
    for column in columns:
        before, now = column.before, column.now
        if column.kind is FeatureKind.CATEGORY:
            both = pandas.concat([before, now])
            ranked = enumerate(both.value_counts().index)
            codes = {name: float(min(rank, _MOST_CATEGORIES - 1)) for rank, name in ranked}
            before, now = before.map(codes), now.map(codes)
        befores.append(before.to_numpy(dtype="float64"))
        nows.append(now.to_numpy(dtype="float64"))
    return numpy.column_stack(befores), numpy.column_stack(nows)


def _halves(rows: Any, random: Any) -> tuple[Any, Any]:
    chosen = rows[random.permutation(len(rows))[:MOST_ROWS]]
    middle = len(chosen) // 2
    return chosen[:middle], chosen[middle:]


def _interval(before: Any, now: Any) -> tuple[float, float]:
    """The 95 % confidence interval of the area under the ROC curve, by the bootstrap."""
    from scipy import stats

    if len({*before, *now}) == 1:
        return 0.5, 0.5  # one score for all rows: every resample has the same area

    def area(one: Any, other: Any, axis: int) -> Any:
        found = stats.mannwhitneyu(other, one, axis=axis, method="asymptotic")
        return found.statistic / (one.shape[axis] * other.shape[axis])

    found = stats.bootstrap(
        (before, now),
        area,
        n_resamples=_RESAMPLES,
        batch=_BATCH,
        method="percentile",
        rng=_SEED,
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
