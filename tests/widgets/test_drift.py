"""Cards of drift checks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlmagic.core.drift import DomainClassifier, DriftReport, DriftRule, FeatureDrift, FeatureKind, judged
from mlmagic.core.schedule import Schedule
from mlmagic.errors import Front
from mlmagic.widgets.drift import card_line, drift_card, p_text, reports_listing
from mlmagic.widgets.drift_charts import alt_text, drift_png

FEATURES = (
    FeatureDrift(
        "age",
        FeatureKind.NUMERIC,
        "Kolmogorov-Smirnov",
        0.4,
        1e-9,
        psi=0.5,
        distance=1.25,
        missing=0.125,
        labels=("≤ 40", "> 40"),
        shares_before=(0.5, 0.5),
        shares=(0.1, 0.9),
    ),
    FeatureDrift(
        "<b>$x_1$</b>",
        FeatureKind.CATEGORY,
        "chi-square",
        1.5,
        0.5,
        psi=0.01,
        labels=("$a$", "b", "c"),
        shares_before=(0.5, 0.3, 0.2),
        shares=(0.4, 0.4, 0.2),
    ),
    FeatureDrift("unit", FeatureKind.CONSTANT),
)


SCORE = replace(FEATURES[0], name="score")


def report(
    p_value: float = 1e-9,
    features: tuple[FeatureDrift, ...] = FEATURES,
    predictions: tuple[FeatureDrift, ...] = (),
) -> DriftReport:
    found, whole = judged((*features, *predictions), DomainClassifier(0.8, 0.75, 0.85, p_value), DriftRule())
    inputs, predicted = found[: len(features)], found[len(features) :]
    times = (3.0, 1.0, 2.0)
    return DriftReport(
        "svc", 3, "train:1", 1000, 200, *times, DriftRule(), whole, inputs, {"note": "text"}, predicted
    )


def test_the_card_says_what_has_drifted_and_how_it_was_decided() -> None:
    card = drift_card(report())
    assert "svc, drift check 3: ▲ Drift from train:1 in 1 feature: age" in card.text
    assert "ROC AUC 0.8 (0.75 to 0.85), p < 0.0001: drift" in card.text
    assert "False alarms: at most 5 % of checks without drift." in card.text
    assert "Not compared: note (text)." in card.text
    rows = {line.split()[0]: line for line in card.text.splitlines()}
    assert rows["age"].split()[2:] == [
        *("Kolmogorov-Smirnov", "0.4", "<", "0.0001", "0.5", "1.25", "0", "%", "→", "12.5", "%", "▲", "yes")
    ]
    assert rows["unit"].split()[2:6] == ["–", "–", "–", "–"]
    assert "&lt;b&gt;" in card.markup
    assert "<b>" not in card.markup
    assert 'alt="Data drift of svc from train:1. Drifted features: age. PSI by feature' in card.markup


def test_drift_in_no_single_feature_and_none_at_all() -> None:
    assert "in the table as a whole, in no single feature" in drift_card(report(features=FEATURES[1:])).text
    assert "● No drift from train:1" in drift_card(report(0.5, FEATURES[1:])).text


@pytest.mark.parametrize(
    ("found", "head"),
    [
        (report(predictions=(SCORE,)), "▲ Drift from train:1 in 1 feature: age; in the predictions: score"),
        (report(0.5, FEATURES[1:], (SCORE,)), "▲ Drift from train:1 in the predictions: score"),
        (report(0.5, (), (SCORE,)), "▲ Drift from train:1 in the predictions: score"),
        (report(predictions=FEATURES[1:2]), "▲ Drift from train:1 in 1 feature: age"),
    ],
)
def test_predictions_have_a_table_of_their_own(found: DriftReport, head: str) -> None:
    card = drift_card(found)
    lines = card.text.splitlines()
    assert lines[0] == f"svc, drift check 3: {head}"
    headings = [place for place, line in enumerate(lines) if line.split()[1] == "Kind"]
    assert lines[headings[-1]].startswith("Prediction")
    assert len(lines) - headings[-1] - 1 == len(found.predictions)
    assert ("No inputs were compared." in card.text) == (not found.features)
    assert ("Domain classifier of the inputs" in card.text) == bool(found.features)
    assert ">Predictions</caption>" in card.markup
    assert drift_png(found).startswith(b"\x89PNG")
    drifted = "score" if found.drifted_predictions else "none"
    assert f"Drifted predictions: {drifted}. PSI by prediction" in alt_text(found)


@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_charts_of_any_number_of_features(count: int) -> None:
    many = report(features=tuple(FEATURES[place % 2] for place in range(count)))
    assert drift_png(many).startswith(b"\x89PNG")
    assert alt_text(many)


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.00001, "< 0.0001"), (0.0123, "0.0123"), (1, "1")]
)
def test_p_values(value: float | None, text: str) -> None:
    assert p_text(value) == text


def test_the_table_of_checks() -> None:
    text = reports_listing([report()], [1]).text_for(Front.COMMAND)
    assert text.splitlines()[1].split()[:5] == ["svc", "3", "yes", "age", "–"]
    text = reports_listing([report(0.5, (), (SCORE,))], [1]).text_for(Front.COMMAND)
    assert text.splitlines()[1].split()[:6] == ["svc", "3", "yes", "–", "score", "–"]
    empty = reports_listing([], [])
    assert empty.text_for(Front.COMMAND) == (
        "No drift checks. Run one with: mlmagic drift run -n SERVICE --baseline DATA"
    )


def schedule(error: str = "") -> Schedule:
    check = {"service": "svc", "baseline": "train", "every": "1d"}
    return Schedule("id", "drift", "", 1.0, "here", ("python",), drift_check=check, error=error)


@pytest.mark.parametrize(
    ("last", "planned", "expected"),
    [
        (None, None, ""),
        (None, schedule(), "checked every 1d"),
        (report(), None, "drift in age, checked 1970-01-01 00:00 UTC"),
        (report(features=FEATURES[1:]), None, "drift in the table as a whole, checked 1970-01-01 00:00 UTC"),
        (
            report(predictions=(SCORE,)),
            None,
            "drift in age and the predictions (score), checked 1970-01-01 00:00 UTC",
        ),
        (
            report(0.5, FEATURES[1:], (SCORE,)),
            None,
            "drift in the predictions (score), checked 1970-01-01 00:00 UTC",
        ),
        (report(0.5, FEATURES[1:]), schedule(), "none, checked 1970-01-01 00:00 UTC; checked every 1d"),
        (None, schedule("too few rows"), "checked every 1d; the last check failed: too few rows"),
    ],
)
def test_the_line_in_the_card(last: DriftReport | None, planned: Schedule | None, expected: str) -> None:
    assert card_line(last, planned) == expected
