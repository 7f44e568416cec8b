"""Data drift: whether inputs and predictions of a service still have the distribution of a baseline.

Each input and each prediction has one p value, and so have the inputs as a whole. Holm's method adjusts them,
so that a check of data without drift raises an alarm with a probability of ``alpha`` at most. A drift must
also be large enough to matter: with many rows, the smallest difference is significant.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from mlmagic.errors import InvalidConfig, UsageError

FEWEST_ROWS = 50
"""Of the baseline and of the collected data: with fewer, only the largest drifts could be found."""
SMALLEST_AUC = 0.55
"""A domain classifier below it hardly tells the data apart; 0.5 is chance."""
INPUTS, PREDICTIONS = "inputs", "predictions"


class FeatureKind(StrEnum):
    """How a feature is compared."""

    NUMERIC = "numeric"
    CATEGORY = "category"
    CONSTANT = "constant"
    """One and the same value in both tables: there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class DriftRule:
    """When a feature counts as drifted. Raises `InvalidConfig` for a value out of its range."""

    alpha: float = 0.05
    """The highest probability of a false alarm of one check, over all its features together."""
    threshold: float = 0.1
    """The smallest population stability index (PSI) that counts: 0.1 is moderate drift, 0.25 a large one."""

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise InvalidConfig("alpha", self.alpha, "must be above 0 and below 1, such as 0.05")
        if not 0 <= self.threshold < math.inf:
            raise InvalidConfig("threshold", self.threshold, "must be 0 or more, such as 0.1")


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """One feature in both tables, an input or a prediction."""

    name: str
    kind: FeatureKind
    test: str = ""
    """The statistical test of its values; empty for a constant."""
    statistic: float | None = None
    p_value: float | None = None
    """That of its values and its missing values together."""
    adjusted_p_value: float | None = None
    """The p value after Holm's method."""
    psi: float = 0.0
    distance: float | None = None
    """Of numbers: the Wasserstein distance, in standard deviations of the baseline."""
    missing_before: float = 0.0
    """The fraction of missing values in the baseline."""
    missing: float = 0.0
    labels: tuple[str, ...] = ()
    """Ranges or categories, for a chart."""
    shares_before: tuple[float, ...] = ()
    """The fraction of the baseline's rows in each of ``labels``."""
    shares: tuple[float, ...] = ()
    drifted: bool = False


@dataclass(frozen=True, slots=True)
class DomainClassifier:
    """A classifier that was trained to tell collected rows from those of the baseline, on unseen rows."""

    auc: float
    """The area under the ROC curve: 0.5 if it cannot tell them apart, 1 if it always can."""
    low: float
    high: float
    """The bounds of the 95 % confidence interval of ``auc``."""
    p_value: float
    adjusted_p_value: float | None = None
    drifted: bool = False


@dataclass(frozen=True, slots=True)
class DriftReport:
    """One comparison of what a service has collected with a baseline."""

    service: str
    version: int
    """Which check of the service it is, from 1."""
    baseline: str
    """A name for people."""
    baseline_rows: int
    rows: int
    created_time: float
    """Seconds since the epoch, UTC."""
    start_time: float
    """When the first of the collected rows came."""
    end_time: float
    rule: DriftRule
    classifier: DomainClassifier
    """Of the inputs alone."""
    features: tuple[FeatureDrift, ...]
    """The inputs."""
    left_out: Mapping[str, str]
    """Why columns are not compared, by their names."""
    predictions: tuple[FeatureDrift, ...] = ()
    """Empty if the baseline has none."""

    @property
    def drifted_features(self) -> list[str]:
        """The names of the inputs that have drifted."""
        return [feature.name for feature in self.features if feature.drifted]

    @property
    def drifted_predictions(self) -> list[str]:
        """The names of the predictions that have drifted."""
        return [prediction.name for prediction in self.predictions if prediction.drifted]

    @property
    def drifted_groups(self) -> dict[str, str]:
        """What has drifted, for people: of the inputs, and of the predictions."""
        whole = "the table as a whole" if self.classifier.drifted else ""
        found = {
            INPUTS: ", ".join(self.drifted_features) or whole,
            PREDICTIONS: ", ".join(self.drifted_predictions),
        }
        return {group: names for group, names in found.items() if names}

    @property
    def drifted(self) -> bool:
        """Whether an input or a prediction has drifted, or the inputs as a whole."""
        return bool(self.drifted_groups)

    @property
    def coefficient(self) -> float:
        """The size of the inputs' drift from 0 to 1, as events have it: the classifier's Gini coefficient."""
        return max(0.0, 2 * self.classifier.auc - 1)

    def record(self) -> dict[str, Any]:
        """As JSON values; see `of`."""
        return {key: value for key, value in asdict(self).items() if key not in ("service", "version")}

    @classmethod
    def of(cls, service: str, version: int, record: Mapping[str, Any]) -> DriftReport:
        """The report of a record."""
        values = dict(record)
        features, predictions = (
            tuple(_feature(each) for each in values.pop(group, ())) for group in ("features", "predictions")
        )
        return cls(
            service,
            version,
            rule=DriftRule(**values.pop("rule")),
            classifier=DomainClassifier(**values.pop("classifier")),
            features=features,
            predictions=predictions,
            **values,
        )


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values adjusted by Holm's method, in the same order.

    Those at or below alpha are rejected: the probability of any false rejection is then alpha at most.
    """
    ascending = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(ascending):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def judged(
    features: Sequence[FeatureDrift], classifier: DomainClassifier, rule: DriftRule
) -> tuple[tuple[FeatureDrift, ...], DomainClassifier]:
    """The features and the classifier, with adjusted p values and whether they have drifted."""
    tested = [feature.p_value for feature in features if feature.p_value is not None]
    overall, *adjusted = holm([classifier.p_value, *tested])
    by_feature = iter(adjusted)
    found = []
    for feature in features:
        if feature.p_value is None:
            found.append(feature)
            continue
        own = next(by_feature)
        drifted = own <= rule.alpha and feature.psi >= rule.threshold
        found.append(replace(feature, adjusted_p_value=own, drifted=drifted))
    drifted = overall <= rule.alpha and classifier.auc >= SMALLEST_AUC
    return tuple(found), replace(classifier, adjusted_p_value=overall, drifted=drifted)


def check_rows(what: str, count: int) -> None:
    """Raises `UsageError` if a table has too few rows for a comparison."""
    if count < FEWEST_ROWS:
        raise UsageError(
            f"{what}: {count:,} rows are too few to look for drift in",
            hint=f"At least {FEWEST_ROWS} are needed.",
        )


def _feature(record: Mapping[str, Any]) -> FeatureDrift:
    lists = {name: tuple(record[name]) for name in ("labels", "shares_before", "shares")}
    return FeatureDrift(**{**record, **lists, "kind": FeatureKind(record["kind"])})
