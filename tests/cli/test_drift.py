"""``mlmagic drift``."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.collected import write_collected
from tests.support.command_line import run
from tests.support.waiting import wait_for

RANDOM = np.random.default_rng(1)
BASELINE = pd.DataFrame({"age": RANDOM.normal(50, 10, 300)})


def test_the_exit_code_tells_drift(folder: Path) -> None:
    run("model", "register", "-n", "net", "-p", "net.onnx")
    assert run("drift", "list").stdout.startswith("No drift checks. Run one with: mlmagic drift run")
    BASELINE.to_csv("train.csv", index=False)
    BASELINE.assign(age=BASELINE["age"] + 20).to_csv("young.csv", index=False)
    write_collected(pd.DataFrame({"age": RANDOM.normal(50, 10, 150)}))

    same = run("drift", "run", "-n", "svc", "--baseline", "train.csv")
    assert same.exit_code == 0, same.output
    assert "svc, drift check 1: ● No drift from train.csv" in same.stdout
    line = ("drift", "run", "-n", "svc", "--baseline", "young.csv", "-o", "json")
    other = run(*line)
    assert other.exit_code == 4, other.output
    found = json.loads(other.stdout)
    assert (found["drifted"], found["driftedFeatures"], found["version"]) == (True, ["age"], 2)
    assert found["features"][0]["adjustedPValue"] < 0.001
    assert run(*line, "--query", "rows").stdout == "150\n"

    assert "▲ Drift from young.csv in 1 feature: age" in run("drift", "show", "-n", "svc").stdout
    assert "No drift from train.csv" in run("drift", "show", "-n", "svc", "--check", "1").stdout
    assert [each["service"] for each in json.loads(run("drift", "list", "-o", "json").stdout)] == ["svc"]
    assert "DatasetDriftDetected" in run("events", "list").stdout


def test_predictions_are_compared_with_a_column_of_the_baseline(folder: Path) -> None:
    run("model", "register", "-n", "net", "-p", "net.onnx")
    score = RANDOM.normal(0, 1, 300)
    BASELINE.assign(risk=score).to_csv("train.csv", index=False)
    BASELINE.assign(risk=score - 3).to_csv("other.csv", index=False)
    predictions = pd.DataFrame({"prediction": RANDOM.normal(0, 1, 150)})
    write_collected(pd.DataFrame({"age": RANDOM.normal(50, 10, 150)}), predictions=predictions)

    line = ("drift", "run", "-n", "svc", "--prediction", "risk", "--baseline")
    same = run(*line, "train.csv")
    assert same.exit_code == 0, same.output
    assert same.stdout.splitlines()[-2].startswith("Prediction  Kind")
    assert same.stdout.splitlines()[-1].startswith("risk        numeric")
    other = run(*line, "other.csv", "-o", "json")
    assert other.exit_code == 4, other.output
    found = json.loads(other.stdout)
    assert (found["driftedFeatures"], found["driftedPredictions"]) == ([], ["risk"])
    assert [each["name"] for each in found["features"]] == ["age"]
    assert [each["name"] for each in found["predictions"]] == ["risk"]
    assert not found["classifier"]["drifted"]
    done = run(*line[:-3], "--baseline", "train.csv")
    assert "risk (not in the collected data), prediction (not named as a prediction" in done.stdout
    assert run("drift", "list").stdout.splitlines()[1].split()[:5] == ["svc", "3", "no", "–", "–"]


def test_earlier_requests_are_a_baseline(folder: Path) -> None:
    run("model", "register", "-n", "net", "-p", "net.onnx")
    now = datetime.now(UTC)
    good = pd.DataFrame({"age": RANDOM.normal(50, 10, 150)})
    scores = pd.DataFrame({"prediction": RANDOM.normal(0, 1, 150)})
    write_collected(good, now - timedelta(days=10), predictions=scores)
    write_collected(good, now - timedelta(days=5), predictions=scores)
    write_collected(good, now - timedelta(days=1, hours=1), predictions=scores + 2)

    line = ("drift", "run", "-n", "svc", "-o", "json")
    five_days = (now - timedelta(days=5)).isoformat()
    found = json.loads(run(*line, "--baseline-until", "7d", "--since", five_days).stdout)
    assert (found["baselineRows"], found["rows"]) == (150, 300)
    other = run(*line, "--baseline-since", "14d", "--baseline-until", "3d")
    assert other.exit_code == 4, other.output
    found = json.loads(other.stdout)
    assert (found["baselineRows"], found["rows"]) == (300, 150)
    assert (found["driftedFeatures"], found["driftedPredictions"]) == ([], ["prediction"])
    assert found["baseline"].startswith(f"the requests of {now - timedelta(days=14):%Y-%m-%d}")

    first, last = (f"{now - timedelta(days=days, hours=days % 2):%Y-%m-%d}" for days in (10, 1))
    for given, code, words in (
        ("--baseline-since 14d --baseline-until 1d --since 3d", 2, "baseline_until '1d' is after 3d"),
        ("--baseline-since 14d", 2, "baseline_since '14d' has no end"),
        ("--baseline-since 14d --since 1d --baseline x", 2, "baseline and baseline_since exclude each other"),
        ("--baseline-since 30d --baseline-until 20d", 1, "no data of 'svc' was collected since 20"),
        ("--baseline-since 14d --since 1h", 1, "no data of 'svc' was collected since 20"),
        ("--baseline-until 20d", 1, f"Choose another time: data was collected from {first} to {last}."),
    ):
        done = run("drift", "run", "-n", "svc", *given.split())
        assert (done.exit_code, words in done.stderr) == (code, True), done.stderr


def test_what_is_wrong_is_told(folder: Path) -> None:
    run("model", "register", "-n", "net", "-p", "net.onnx")
    BASELINE.to_csv("train.csv", index=False)
    for line, code, words in (
        ((), 2, "--baseline is missing"),
        (("--baseline", "trian.csv"), 3, "not found: 'trian.csv'"),
        (("--baseline", "train.csv"), 3, "Service not found: 'svc'"),
        (("--baseline", "train.csv", "--alpha", "5"), 2, "must be above 0 and below 1"),
        (("--baseline", "net.onnx"), 2, "must be a table"),
        (("--baseline", "train.csv", "--prediction", ","), 2, "prediction ',' must be names with commas"),
        (
            ("--baseline", "train.csv", "--prediction", "aged", "--every", "1d"),
            3,
            "baseline not found: 'aged'",
        ),
    ):
        done = run("drift", "run", "-n", "svc", *line)
        assert (done.exit_code, words in done.stderr) == (code, True), done.stderr
    assert run("drift", "show", "-n", "svc").exit_code == 3


@pytest.mark.processes
def test_checks_on_a_schedule(folder: Path) -> None:
    deployed = run("model", "deploy", "-n", "svc", "--entry-script", "score.py")
    assert deployed.exit_code == 0, deployed.output
    BASELINE.to_csv("train.csv", index=False)
    write_collected(BASELINE[:100])
    line = ("drift", "run", "-n", "svc", "--baseline", "train.csv", "--every")
    assert run(*line, "daily").exit_code == 2
    done = run(*line, "1d", "-o", "json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"name": "svc", "every": "1d"}
    shown = wait_for(lambda: _shown("svc"), "the first check, which the daemon starts")
    assert "No drift from" in shown
    assert run("drift", "stop", "-n", "svc").exit_code == 0
    assert run("drift", "stop", "-n", "svc").exit_code == 3


def _shown(service: str) -> str:
    done = run("drift", "show", "-n", service)
    return done.stdout if done.exit_code == 0 else ""


@pytest.mark.parametrize("more", [(), ("--every", "1d")])
def test_packages_that_are_missing_are_named_before_anything_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    monkeypatch.setattr("mlmagic.engine.drift.comparison.PACKAGES", ("not_installed_here",))
    done = run("drift", "run", "-n", "svc", "--baseline", "missing.csv", *more)
    assert "packages that are not installed here: not_installed_here" in done.stderr
    assert 'pip install "mlmagic[drift]"' in done.stderr
