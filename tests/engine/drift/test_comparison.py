"""Drift that is there is found, drift that is not there is reported no more often than promised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlmagic.core.drift import DriftRule, FeatureKind, judged
from mlmagic.engine.drift.columns import OTHER, comparable
from mlmagic.engine.drift.comparison import Comparison, compare
from mlmagic.engine.drift.domain_classifier import domain_classifier
from mlmagic.engine.drift.statistics import CHI_SQUARE, FISHER, KOLMOGOROV_SMIRNOV, feature_drift
from mlmagic.errors import InvalidConfig, NotFound, UsageError
from tests.support.drift_tables import most, table

pytestmark = [pytest.mark.together, pytest.mark.timeout(300)]  # hundreds of checks


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_the_false_alarm_rate_of_features_is_that_of_the_rule(alpha: float) -> None:
    checks, alarms, p_values = 100, 0, []
    for seed in range(checks):
        random = np.random.default_rng(seed)
        columns, _ = comparable(table(random, 400), table(random, 250))
        found = [feature_drift(column) for column in columns]
        p_values += [each.p_value for each in found if each.p_value is not None]
        lowest = min(each.p_value for each in found if each.p_value is not None)
        tests = sum(each.p_value is not None for each in found) + 1  # and that of the classifier
        alarms += tests * lowest <= alpha  # Holm's first step; without a smallest size
    assert alarms <= most(checks, alpha)
    # and the tests are not blind: p values below 0.5 are about half of all
    assert 0.3 < np.mean(np.array(p_values) < 0.5) < 0.55


def test_the_false_alarm_rate_of_the_classifier_is_that_of_the_rule() -> None:
    checks, p_values, inside = 40, [], 0
    for seed in range(checks):
        random = np.random.default_rng(seed)
        found = domain_classifier(comparable(table(random, 300), table(random, 200))[0])
        p_values.append(found.p_value)
        inside += found.low <= 0.5 <= found.high
    assert sum(p_value <= 0.05 for p_value in p_values) <= most(checks, 0.05)
    assert 0.2 < np.mean(np.array(p_values) < 0.5) < 0.8
    assert inside >= checks - most(checks, 0.08)  # a percentile interval of 95 % is a little short


def test_a_whole_check_gives_few_false_alarms() -> None:
    checks, alarms = 25, 0
    for seed in range(checks):
        random = np.random.default_rng(1000 + seed)
        found = compare(table(random, 300), table(random, 200), DriftRule())
        alarms += found.classifier.drifted or any(each.drifted for each in found.features)
    assert alarms <= most(checks, 0.05)


CHANGES = {
    "mean": ("age", lambda now, random: now["age"] + 6),
    "spread": ("age", lambda now, random: (now["age"] - 50) * 2 + 50),
    "missing numbers": ("age", lambda now, random: now["age"].mask(random.random(len(now)) < 0.1)),
    "no missing numbers": ("income", lambda now, random: now["income"].fillna(now["income"].median())),
    "all missing": ("age", lambda now, random: np.nan),
    "no numbers": ("age", lambda now, random: now["age"].round().astype(str) + " years"),
    "infinite": ("age", lambda now, random: np.inf),
    "shares": ("city", lambda now, random: random.choice(["Rome", "Oslo", "Bern"], len(now))),
    "unseen category": ("city", lambda now, random: now["city"].mask(now["city"] == "Oslo", "Lima")),
    "rare unseen category": (
        "unit",
        lambda now, random: now["unit"].mask(random.random(len(now)) < 0.08, 2),
    ),
    "many unseen categories": ("city", lambda now, random: [f"city {number}" for number in range(len(now))]),
    "missing category": ("city", lambda now, random: now["city"].mask(now["city"] == "Oslo", None)),
    "flag": ("member", lambda now, random: random.random(len(now)) < 0.7),
    "codes": ("grade", lambda now, random: now["grade"] + 1),
    "a constant that changes": ("unit", lambda now, random: 2),
    "counts": ("visits", lambda now, random: random.poisson(36, len(now))),
}


@pytest.mark.parametrize(("name", "change"), CHANGES.values(), ids=CHANGES.keys())
def test_known_drift_is_found_in_its_column_alone(name: str, change: Any) -> None:
    random = np.random.default_rng(7)
    baseline, now = table(random, 1000), table(random, 500)
    now[name] = change(now, random)
    found = compare(baseline, now, DriftRule())
    assert [each.name for each in found.features if each.drifted] == [name]


def test_a_drift_of_how_features_go_together_is_found_by_the_classifier() -> None:
    random = np.random.default_rng(3)
    first = random.normal(size=2000)
    baseline = pd.DataFrame({"a": first, "b": first + random.normal(0, 0.3, 2000)})
    now = pd.DataFrame({"a": random.normal(size=2000), "b": random.normal(0, 1.04, 2000)})
    found = compare(baseline, now, DriftRule())
    assert not any(each.drifted for each in found.features)
    assert found.classifier.drifted
    assert found.classifier.low > 0.8
    assert found.classifier.low <= found.classifier.auc <= found.classifier.high


def test_a_small_difference_is_significant_in_many_rows_and_yet_no_drift() -> None:
    random = np.random.default_rng(5)
    baseline = pd.DataFrame({"a": random.normal(size=20_000)})
    found = compare(baseline, pd.DataFrame({"a": random.normal(0.1, 1, 20_000)}), DriftRule())
    [feature] = found.features
    assert feature.adjusted_p_value is not None
    assert feature.adjusted_p_value < 1e-6
    assert (feature.drifted, found.classifier.drifted) == (False, False)


def compared(**change: Any) -> Comparison:
    random = np.random.default_rng(11)
    return compare(table(random, 300), table(random, 200).assign(**change), DriftRule())


def test_kinds_tests_and_what_is_left_out() -> None:
    random = np.random.default_rng(11)
    now = table(random, 200).assign(extra=1, name="[redacted]", key=[f"{n:032x}" for n in range(200)])
    found = compare(table(random, 300).assign(name="Ada", key="A7"), now, DriftRule())
    kinds = {each.name: (each.kind, each.test) for each in found.features}
    assert kinds == {
        "age": (FeatureKind.NUMERIC, KOLMOGOROV_SMIRNOV),
        "income": (FeatureKind.NUMERIC, KOLMOGOROV_SMIRNOV),
        "visits": (FeatureKind.NUMERIC, KOLMOGOROV_SMIRNOV),
        "city": (FeatureKind.CATEGORY, CHI_SQUARE),
        "member": (FeatureKind.CATEGORY, FISHER),
        "grade": (FeatureKind.CATEGORY, CHI_SQUARE),
        "unit": (FeatureKind.CONSTANT, ""),
    }
    assert found.left_out == {
        "note": "text or identifiers",
        "name": "redacted",
        "key": "redacted",
        "extra": "not in the baseline",
    }
    city = next(each for each in found.features if each.name == "city")
    assert OTHER in city.labels
    for each in found.features:
        for shares in (each.shares_before, each.shares):
            assert sum(shares) == pytest.approx(1 if each.kind is not FeatureKind.CONSTANT else 0)
            assert len(shares) == len(each.labels)


@pytest.mark.parametrize(
    "now",
    [
        pytest.param({"member": lambda now: now["member"].astype(str)}, id="flags as text"),
        pytest.param({"member": lambda now: now["member"].astype(int)}, id="flags as numbers"),
        pytest.param({"grade": lambda now: now["grade"].astype(float)}, id="codes as decimals"),
        pytest.param({"age": lambda now: now["age"].astype(str)}, id="numbers as text"),
        pytest.param({"visits": lambda now: now["visits"].astype("Int64")}, id="nullable"),
        pytest.param({"city": lambda now: now["city"].astype("category")}, id="categorical"),
    ],
)
def test_the_same_values_in_another_type_are_no_drift(now: dict[str, Any]) -> None:
    found = compared(**now)
    assert [(each.name, each.p_value) for each in found.features] == [
        (each.name, each.p_value) for each in compared().features
    ]


def test_what_cannot_be_compared_is_refused() -> None:
    random = np.random.default_rng(1)
    rows = table(random, 100)
    with pytest.raises(UsageError, match="collected data: 20 rows are too few"):
        compare(rows, rows[:20], DriftRule())
    with pytest.raises(NotFound, match="collected data not found: 'aged'"):
        compare(rows, rows, DriftRule(), ["aged"])
    with pytest.raises(UsageError, match=r"no columns to compare \(a: not in the collected data; b: not in"):
        compare(pd.DataFrame({"a": range(60)}), pd.DataFrame({"b": range(60)}), DriftRule())
    with pytest.raises(UsageError, match="note: text or identifiers"):
        compare(rows, rows, DriftRule(), ["note"])
    only = compare(rows, rows, DriftRule(), ["city"])
    assert [each.name for each in only.features] == ["city"]


def test_few_missing_categories_are_counted_too() -> None:
    random = np.random.default_rng(4)
    baseline, now = table(random, 300), table(random, 200)
    now.loc[:2, "city"] = None
    city = next(each for each in compare(baseline, now, DriftRule()).features if each.name == "city")
    assert (city.missing_before, city.missing, city.drifted) == (0, 0.015, False)


def test_two_columns_of_one_name_are_refused() -> None:
    rows = table(np.random.default_rng(1), 100)
    with pytest.raises(InvalidConfig, match="baseline 'age' must have a name of its own"):
        compare(pd.concat([rows, rows[["age"]]], axis=1), rows, DriftRule())


def test_constants_alone_are_no_drift() -> None:
    rows = pd.DataFrame({"unit": [1] * 60})
    found = compare(rows, rows, DriftRule())
    assert (found.classifier.p_value, found.features[0].drifted) == (1.0, False)
    assert judged(found.features, found.classifier, DriftRule()) == (found.features, found.classifier)
