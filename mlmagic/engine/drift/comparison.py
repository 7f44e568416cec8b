"""Compares collected inputs and predictions with a baseline.

With scipy and scikit-learn, and with no drift library: evidently brings a web framework and telemetry,
alibi-detect may not be used in production without another license, and frouros needs a scipy before 1.15.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlmagic.core.drift import DomainClassifier, DriftRule, FeatureDrift, check_rows, judged
from mlmagic.engine.drift.columns import Column, comparable
from mlmagic.engine.drift.domain_classifier import domain_classifier
from mlmagic.engine.drift.predictions import Predictions
from mlmagic.engine.drift.statistics import feature_drift
from mlmagic.errors import UsageError

if TYPE_CHECKING:
    import pandas

PACKAGES = ("scipy", "sklearn", "pandas")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found."""

    features: tuple[FeatureDrift, ...]
    predictions: tuple[FeatureDrift, ...]
    classifier: DomainClassifier
    left_out: dict[str, str]


def compare(
    baseline: pandas.DataFrame,
    collected: pandas.DataFrame,
    rule: DriftRule,
    columns: Sequence[str] = (),
    predictions: Predictions | None = None,
) -> Comparison:
    """Compare the inputs that both tables have, or only ``columns``; and ``predictions``.

    Raises `UsageError` if a table has too few rows or nothing can be compared, and what `comparable` raises.
    """
    check_rows("baseline", len(baseline))
    check_rows("collected data", len(collected))
    found, predicted, left_out = list[Column](), list[Column](), dict[str, str]()
    inputs = [name for name in columns if predictions is None or name not in predictions.names]
    if inputs or not columns:
        found, left_out = comparable(baseline, collected, inputs)
    if predictions is not None:
        predicted, more = comparable(predictions.before, predictions.now)
        left_out |= more | predictions.left_out
    if not found and not predicted:
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise UsageError(
            f"the baseline and the collected data have no columns to compare ({why})",
            hint="The columns of the baseline need the names of the service's inputs.",
        )
    measured = [feature_drift(column) for column in (*found, *predicted)]
    features, classifier = judged(measured, domain_classifier(found), rule)
    return Comparison(features[: len(found)], features[len(found) :], classifier, left_out)


def check_packages() -> None:
    """Raises `UsageError` if a package is missing; imports none."""
    from importlib.util import find_spec

    missing = [package for package in PACKAGES if find_spec(package) is None]
    if missing:
        raise UsageError(
            f"a drift check needs packages that are not installed here: {', '.join(missing)}",
            hint='Install them: pip install "mlmagic[drift]"',
        )
