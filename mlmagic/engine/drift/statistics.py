"""The statistics of one feature in two tables, from scipy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mlmagic.core.drift import FeatureDrift, FeatureKind
from mlmagic.engine.drift.columns import FEWEST_EXPECTED, MISSING, OTHER, Column, smaller_share

if TYPE_CHECKING:
    import pandas

BINS = 10
"""Ranges of numbers for the PSI: deciles of the baseline."""
_PSEUDO_COUNT = 0.5
"""Added to each count for the PSI, which is infinite for an empty range."""
KOLMOGOROV_SMIRNOV, CHI_SQUARE, FISHER = "Kolmogorov-Smirnov", "chi-square", "Fisher"


def feature_drift(column: Column) -> FeatureDrift:
    """The statistics of a column, without the decision whether it has drifted."""
    if column.kind is FeatureKind.CONSTANT:
        return FeatureDrift(column.name, column.kind)
    return _of_categories(column) if column.kind is FeatureKind.CATEGORY else _of_numbers(column)


def _of_categories(column: Column) -> FeatureDrift:
    """The chi-square test, or Fisher's exact one for two categories.

    Two tests where the rare categories are too few rows for the first: of the others, and of how many are
    rare. Missing values are a category.
    """
    counts = _counts(column.before, column.now)
    statistic: float | None = None
    p_values: list[float] = []
    expected = counts.sum(axis=1) * smaller_share(len(column.before), len(column.now))
    sparse = OTHER in counts.index and expected[OTHER] < FEWEST_EXPECTED
    frequent = counts.drop(index=OTHER) if sparse else counts
    if sparse:
        p_values.append(_fisher(counts.loc[OTHER], frequent.sum()))
    if len(frequent) == 2:
        p_values.append(_fisher(*frequent.to_numpy()))
    elif len(frequent) > 2:
        statistic, p_value = _chi_square(frequent)
        p_values.append(p_value)
    return FeatureDrift(
        column.name,
        column.kind,
        FISHER if statistic is None else CHI_SQUARE,
        statistic,
        _smallest(p_values),
        missing_before=column.missing_before,
        missing=column.missing,
        **_shares(counts, [str(label) for label in counts.index]),
    )


def _of_numbers(column: Column) -> FeatureDrift:
    """The Kolmogorov-Smirnov test. Where values are missing, also Fisher's test of how many are missing."""
    from scipy import stats

    before, now = column.before.dropna().to_numpy(), column.now.dropna().to_numpy()
    statistic: float | None = None
    distance: float | None = None
    p_values: list[float] = []
    if len(now):
        found = stats.ks_2samp(before, now)
        statistic = float(found.statistic)
        p_values.append(float(found.pvalue))
        distance = float(stats.wasserstein_distance(before, now)) / float(before.std())
    if column.missing_before or column.missing:
        tables = (column.before, column.now)
        gone, there = ([values.isna().sum() for values in tables], [values.count() for values in tables])
        p_values.append(_fisher(gone, there))
    counts, labels = _in_ranges(column, before)
    return FeatureDrift(
        column.name,
        column.kind,
        KOLMOGOROV_SMIRNOV,
        statistic,
        _smallest(p_values),
        distance=distance,
        missing_before=column.missing_before,
        missing=column.missing,
        **_shares(counts, labels),
    )


def _smallest(p_values: Sequence[float]) -> float:
    """The smallest p value of several tests of one feature, by Bonferroni's method."""
    return min(1.0, len(p_values) * min(p_values)) if p_values else 1.0


def _fisher(one: Any, other: Any) -> float:
    """The p value of Fisher's exact test of two pairs of counts: exact for any number of rows."""
    from scipy import stats

    return float(stats.fisher_exact([[int(count) for count in pair] for pair in (one, other)]).pvalue)


def _chi_square(counts: pandas.DataFrame) -> tuple[float, float]:
    from scipy import stats

    found = stats.chi2_contingency(counts.to_numpy(), correction=False)
    return float(found.statistic), float(found.pvalue)


def _counts(before: pandas.Series, now: pandas.Series) -> pandas.DataFrame:
    """Rows of both tables for each category, those that are frequent in the baseline first."""
    import pandas

    counts = pandas.DataFrame({"before": before.value_counts(), "now": now.value_counts()})
    return counts.fillna(0).sort_values("before", ascending=False, kind="stable")


def _in_ranges(column: Column, before: Any) -> tuple[pandas.DataFrame, list[str]]:
    """Rows of both tables in each decile of the baseline; missing values, if there are any, come last."""
    import numpy
    import pandas

    inner = numpy.unique(numpy.quantile(before, numpy.linspace(0, 1, BINS + 1)[1:-1]))
    edges = [-numpy.inf, *inner, numpy.inf]
    labels = [
        f"≤ {edges[1]:.4g}",
        *(f"{low:.4g} – {high:.4g}" for low, high in pairwise(inner)),
        f"> {edges[-2]:.4g}",
    ]
    frame = pandas.DataFrame(
        {
            name: pandas.cut(values, edges, labels=False).value_counts()
            for name, values in (("before", column.before), ("now", column.now))
        },
        index=range(len(labels)),
    ).fillna(0)
    gone = (column.before.isna().sum(), column.now.isna().sum())
    if any(gone):
        frame.loc[len(labels)] = gone
        labels.append(MISSING)
    return frame, labels


def _shares(counts: pandas.DataFrame, labels: list[str]) -> dict[str, Any]:
    shares = counts / counts.sum()
    return {
        "psi": psi(counts["before"].to_numpy(), counts["now"].to_numpy()),
        "labels": tuple(labels),
        "shares_before": tuple(float(share) for share in shares["before"]),
        "shares": tuple(float(share) for share in shares["now"]),
    }


def psi(before: Any, now: Any) -> float:
    """The population stability index of two lists of counts: the relative entropies in both directions."""
    from scipy import stats

    one, other = before + _PSEUDO_COUNT, now + _PSEUDO_COUNT
    return float(stats.entropy(one, other) + stats.entropy(other, one))
