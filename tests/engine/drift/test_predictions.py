"""Prediction drift: what is compared, that drift is found, and that none is reported without it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from mlmagic.core.drift import DriftRule
from mlmagic.engine.collected_data.tables import Requests
from mlmagic.engine.drift.comparison import Comparison, compare
from mlmagic.engine.drift.predictions import compared_predictions, prediction_pairs, prediction_rows
from mlmagic.errors import InvalidConfig, NotFound, UsageError
from mlmagic.scoring.collection.entries import ID, TIMESTAMP
from tests.support.drift_tables import most, table

pytestmark = [pytest.mark.together, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    ("baseline", "collected", "named", "of_requests", "expected"),
    [
        pytest.param(["a", "prediction"], ["prediction"], [], True, ["prediction"], id="requests"),
        pytest.param(["a", "prediction"], ["prediction"], [], False, [], id="a dataset names none"),
        pytest.param(["a"], ["prediction"], [], True, [], id="requests without predictions"),
        pytest.param(["a", "y"], ["y", "p"], ["y"], False, ["y"], id="the same name"),
        pytest.param(["a", "y", "p"], ["p", "y"], ["y", "p"], False, ["y", "p"], id="several"),
        pytest.param(["a", "body"], ["body"], ["body"], False, ["body"], id="bodies"),
    ],
)
def test_the_predictions_of_a_baseline(
    baseline: Sequence[str],
    collected: Sequence[str],
    named: Sequence[str],
    of_requests: bool,
    expected: Sequence[str],
) -> None:
    found = prediction_pairs(baseline, collected, named, of_requests=of_requests)
    assert found == {name: name for name in expected}


def test_one_prediction_may_have_another_name() -> None:
    assert prediction_pairs(["a", "species"], ["prediction"], ["species"]) == {"species": "prediction"}


@pytest.mark.parametrize(
    ("collected", "named", "error", "words"),
    [
        (["prediction"], ["spices"], NotFound, "column of the baseline.*'spices'.*'species'"),
        (["p", "q"], ["species"], InvalidConfig, "'species' must be one of the collected predictions: p, q"),
        (["p"], ["species", "a"], InvalidConfig, "must be one of the collected predictions: p"),
        (["body"], ["species"], InvalidConfig, "must be one of the collected predictions: body"),
        ([], ["species"], UsageError, "no collected predictions to compare with species"),
    ],
)
def test_predictions_that_cannot_be_compared_are_refused(
    collected: Sequence[str], named: Sequence[str], error: type[UsageError], words: str
) -> None:
    with pytest.raises(error, match=rf"(?is){words}"):
        prediction_pairs(["a", "species"], collected, named)


@pytest.mark.parametrize(
    ("ids", "values", "kept"),
    [
        ("ab", [1, None], [1, None]),  # the answer was empty
        ("aaab", [1, None, None, 2], [1, 2]),  # one prediction for several inputs
        ("aaab", [1, None, 3, 2], [1, None, 3, 2]),
        ("aabb", [None, None, None, 2], [None, None, 2]),
        ("abab", [1, 2, None, 4], [1, 2, 4]),
        ("", [1, None], [1, None]),  # of a dataset, which has no requests
    ],
)
def test_inputs_without_a_prediction_are_no_missing_predictions(
    ids: str, values: list[float | None], kept: list[float | None]
) -> None:
    rows = pd.DataFrame({"p": values, **({ID: list(ids)} if ids else {})}, index=[0] * len(values))
    assert [None if pd.isna(value) else value for value in prediction_rows(rows, ["p"])["p"]] == kept


def requests(inputs: pd.DataFrame, predictions: pd.DataFrame, rows: int = 1) -> Requests:
    """As they are collected, ``rows`` of them in one request."""
    ours = pd.DataFrame({ID: np.arange(len(inputs)) // rows, TIMESTAMP: 0})
    whole = pd.concat([ours, inputs, predictions], axis=1)
    return Requests(whole, tuple(inputs.columns), tuple(predictions.columns))


def compared(before: Requests, now: Requests, columns: Sequence[str] = ()) -> Comparison:
    """With a baseline of collected requests."""
    predictions = compared_predictions(before.table, now, (), columns)
    names = [[*each.inputs] for each in (before, now)]
    return compare(before.table[names[0]], now.table[names[1]], DriftRule(), columns, predictions)


def predicted(inputs: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """A score, a class, and now and then none."""
    score = inputs["age"] + 5 * inputs["grade"] + random.normal(0, 5, len(inputs))
    label = np.where(score > 65, "high", "low")
    return pd.DataFrame({"score": score.mask(random.random(len(inputs)) < 0.05), "class": label})


def test_predictions_without_drift_raise_no_more_alarms_than_promised() -> None:
    checks, alarms, of_predictions = 40, 0, 0
    for seed in range(checks):
        random = np.random.default_rng(500 + seed)
        tables = [table(random, rows) for rows in (300, 200)]
        found = compared(*(requests(each, predicted(each, random)) for each in tables))
        assert [each.name for each in found.predictions] == ["score", "class"]
        drifted = [each.drifted for each in (*found.features, *found.predictions)]
        of_predictions += any(drifted[-2:])
        alarms += found.classifier.drifted or any(drifted)
    assert of_predictions <= alarms <= most(checks, 0.05)


def test_larger_requests_with_one_prediction_each_are_no_drift() -> None:
    random = np.random.default_rng(1)
    tables = []
    for rows in (1, 4):
        inputs = pd.DataFrame({"age": random.normal(50, 10, 400)})
        scores = random.normal(0, 1, 400)
        predictions = pd.DataFrame({"score": np.where(np.arange(400) % rows == 0, scores, np.nan)})
        tables.append(requests(inputs, predictions, rows))
    found = compared(*tables)
    [score] = found.predictions
    assert (score.missing_before, score.missing, score.drifted) == (0, 0, False)


def test_predictions_drift_where_no_single_input_does() -> None:
    random = np.random.default_rng(3)
    first = random.normal(size=600)
    before = pd.DataFrame({"a": first, "b": random.normal(size=600)})
    now = pd.DataFrame({"a": first[:400], "b": first[:400]})  # each as before, and both together are not
    found = compared(
        *(requests(each, pd.DataFrame({"product": each["a"] * each["b"]})) for each in (before, now))
    )
    assert not any(each.drifted for each in found.features)
    assert [each.drifted for each in found.predictions] == [True]


def test_the_classifier_is_about_inputs_alone() -> None:
    random = np.random.default_rng(4)
    before, now = (pd.DataFrame({"a": random.normal(size=400)}) for _ in range(2))
    found = compared(
        requests(before, pd.DataFrame({"score": random.normal(0, 1, 400)})),
        requests(now, pd.DataFrame({"score": random.normal(5, 1, 400)})),
    )
    assert not found.classifier.drifted
    assert [each.drifted for each in (*found.features, *found.predictions)] == [False, True]


@pytest.mark.parametrize(
    ("columns", "features", "predictions"),
    [
        ([], ["a"], ["score"]),
        (["a"], ["a"], []),
        (["a", "score"], ["a"], ["score"]),
        (["score"], [], ["score"]),
    ],
)
def test_columns_may_be_predictions(columns: list[str], features: list[str], predictions: list[str]) -> None:
    random = np.random.default_rng(5)
    one = requests(*(pd.DataFrame({name: random.normal(size=60)}) for name in ("a", "score")))
    found = compared(one, one, columns)
    names = [[each.name for each in group] for group in (found.features, found.predictions)]
    assert names == [features, predictions]


def test_inputs_of_text_alone_are_compared_by_their_predictions() -> None:
    random = np.random.default_rng(6)
    inputs = pd.DataFrame({"text": [f"text {number}" for number in random.integers(0, 10**9, 200)]})
    labels = [
        pd.DataFrame({"label": random.choice(["spam", "ham"], 200, p=p)}) for p in ((0.2, 0.8), (0.6, 0.4))
    ]
    found = compared(*(requests(inputs, each) for each in labels))
    assert (found.features, found.left_out) == ((), {"text": "text or identifiers"})
    assert [each.drifted for each in found.predictions] == [True]
    assert not found.classifier.drifted


def test_few_predictions_are_left_out_unless_they_are_named() -> None:
    random = np.random.default_rng(7)
    inputs = pd.DataFrame({"a": random.normal(size=100)})
    few = requests(inputs, pd.DataFrame({"score": np.where(np.arange(100) % 10 == 0, 1.0, np.nan)}), 10)
    found = compared(few, few)
    assert (found.predictions, found.left_out) == ((), {"score": "fewer than 50 predictions"})
    with pytest.raises(UsageError, match="predictions of the baseline: 10 rows are too few"):
        compared_predictions(few.table, few, ["score"], ())
