"""When data has drifted: adjusted p values, and the rule."""

from __future__ import annotations

import json

import pytest

from mlmagic.core.drift import (
    DomainClassifier,
    DriftReport,
    DriftRule,
    FeatureDrift,
    FeatureKind,
    check_rows,
    holm,
    judged,
)
from mlmagic.core.drift_arguments import every_of
from mlmagic.errors import InvalidConfig, UsageError


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([], []),
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.6, 0.7], [1.0, 1.0]),
        ([0.02, 0.02], [0.04, 0.04]),
    ],
)
def test_holm(p_values: list[float], adjusted: list[float]) -> None:
    assert holm(p_values) == pytest.approx(adjusted)


def feature(p_value: float | None, psi: float = 0.2) -> FeatureDrift:
    kind = FeatureKind.CONSTANT if p_value is None else FeatureKind.NUMERIC
    return FeatureDrift("age", kind, "Kolmogorov-Smirnov", 0.3, p_value, psi=psi)


def classifier(p_value: float, auc: float = 0.7) -> DomainClassifier:
    return DomainClassifier(auc, auc - 0.1, auc + 0.1, p_value)


@pytest.mark.parametrize(
    ("features", "whole", "drifted", "whole_drifted"),
    [
        ([feature(0.001)], classifier(0.5), [True], False),
        ([feature(0.001, psi=0.05)], classifier(0.5), [False], False),  # too small to matter
        ([feature(0.04)], classifier(0.5), [False], False),  # 0.08 for two
        ([feature(0.04)], classifier(0.02), [True], True),  # Holm: the second of two needs 0.05
        ([feature(0.9)], classifier(0.001), [False], True),
        ([feature(0.9)], classifier(0.001, auc=0.54), [False], False),
        ([feature(None), feature(0.02)], classifier(0.5), [False, True], False),  # a constant is no test
    ],
)
def test_the_rule(
    features: list[FeatureDrift], whole: DomainClassifier, drifted: list[bool], whole_drifted: bool
) -> None:
    found, overall = judged(features, whole, DriftRule())
    assert ([each.drifted for each in found], overall.drifted) == (drifted, whole_drifted)


@pytest.mark.parametrize(
    "given", [{"alpha": 0}, {"alpha": 1}, {"threshold": -0.1}, {"threshold": float("inf")}]
)
def test_a_rule_out_of_its_range_is_refused(given: dict[str, float]) -> None:
    with pytest.raises(InvalidConfig):
        DriftRule(**given)


def test_too_few_rows_are_refused() -> None:
    check_rows("baseline", 50)
    with pytest.raises(UsageError, match=r"baseline: 49 rows are too few .* At least 50 are needed"):
        check_rows("baseline", 49)


def test_a_report_is_read_as_it_was_recorded() -> None:
    features, whole = judged([feature(0.001), feature(None)], classifier(0.01), DriftRule())
    report = DriftReport(
        "svc", 2, "train", 100, 80, 3.0, 1.0, 2.0, DriftRule(), whole, features, {"note": "text"}, features
    )
    assert DriftReport.of("svc", 2, json.loads(json.dumps(report.record()))) == report
    assert report.drifted
    assert report.drifted_features == report.drifted_predictions == ["age"]
    assert report.drifted_groups == {"inputs": "age", "predictions": "age"}
    before_predictions = {key: value for key, value in report.record().items() if key != "predictions"}
    assert DriftReport.of("svc", 2, before_predictions).predictions == ()
    assert report.coefficient == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30m", ("Minute", 30)), ("1h", ("Hour", 1)), (" 1 d ", ("Day", 1)), ("2w", ("Week", 2))],
)
def test_every(text: str, expected: tuple[str, int]) -> None:
    found = every_of(text)
    assert (found.frequency, found.interval) == expected


@pytest.mark.parametrize("text", ["", "d", "1s", "0d", "1.5h", "daily"])
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(InvalidConfig):
        every_of(text)
