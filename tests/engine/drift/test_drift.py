"""Drift checks of a workspace: what is collected is read, the report recorded, and drift is an event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlmagic.core.drift import DriftRule
from mlmagic.core.events import EventKind
from mlmagic.core.notices import notice_of
from mlmagic.engine.engine import Engine
from mlmagic.errors import NotFound, UsageError
from mlmagic.sdk.drift_check import DriftCheck
from mlmagic.sdk.exceptions import UserErrorException
from mlmagic.sdk.workspace import Workspace
from tests.support.collected import write_collected, write_rows
from tests.support.engines import MakeEngine

pytestmark = pytest.mark.together
RANDOM = np.random.default_rng(1)
BASELINE = pd.DataFrame({"age": RANDOM.normal(50, 10, 400), "city": RANDOM.choice(["Rome", "Oslo"], 400)})
SAME = pd.DataFrame({"age": RANDOM.normal(50, 10, 200), "city": RANDOM.choice(["Rome", "Oslo"], 200)})
OLDER = SAME.assign(age=SAME["age"] + 20)


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine(supervise=False)


def test_drift_is_recorded_and_published(engine: Engine) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    folder = engine.location.collected_folder
    write_collected(OLDER, yesterday, folder)
    found = engine.drift.check("svc", BASELINE, baseline_name="train:1")
    assert (found.drifted_features, found.version, found.rows) == (["age"], 1, 200)
    assert found.start_time == pytest.approx(yesterday.timestamp(), abs=1)
    assert engine.drift.get("svc") == found

    [event] = [each for each in engine.events.list() if each.kind is EventKind.DATASET_DRIFT_DETECTED]
    assert event.subject == "datadrift/svc/run/1"
    assert event.message == "inputs of svc have drifted from train:1: age"
    notice = notice_of(event, "w")
    assert notice is not None
    assert notice.data["BaseDatasetId"] == "train:1"
    assert notice.data["DriftCoefficient"] == pytest.approx(found.coefficient)
    assert notice.data["StartTime"] == datetime.fromtimestamp(found.start_time, UTC).isoformat()

    write_collected(SAME, datetime.now(UTC), folder)
    recent = engine.drift.check(
        "svc", BASELINE, baseline_name="train:1", since=datetime.now(UTC) - timedelta(hours=1)
    )
    assert (recent.drifted, recent.version, recent.rows) == (False, 2, 200)
    assert engine.drift.list() == [recent]
    assert engine.drift.get("svc", 1) == found
    assert len([each for each in engine.events.list() if each.kind == "DatasetDriftDetected"]) == 1


def test_columns_of_collection_are_no_features(engine: Engine) -> None:
    write_collected(SAME, None, engine.location.collected_folder)
    collected = engine.collected_data.read("svc")
    found = engine.drift.check("svc", collected, baseline_name="itself")
    assert ([each.name for each in found.features], found.left_out) == (["age", "city"], {})
    assert not found.drifted


def test_predictions_are_compared_with_those_of_collected_requests(engine: Engine) -> None:
    last_week = datetime.now(UTC) - timedelta(days=7)
    folder = engine.location.collected_folder
    good = pd.DataFrame({"score": RANDOM.normal(0, 1, 200)})
    write_collected(SAME, last_week, folder, predictions=good)
    baseline = engine.collected_data.read("svc")
    write_collected(SAME, None, folder, predictions=good + 2)
    found = engine.drift.check(
        "svc", baseline, baseline_name="good-week", since=datetime.now(UTC) - timedelta(hours=1)
    )
    assert (found.drifted_features, found.drifted_predictions, found.drifted) == ([], ["score"], True)
    assert (found.classifier.drifted, found.left_out) == (False, {})
    assert engine.drift.get("svc") == found
    [event] = [each for each in engine.events.list() if each.kind is EventKind.DATASET_DRIFT_DETECTED]
    assert event.message == "predictions of svc have drifted from good-week: score"
    notice = notice_of(event, "w")
    assert notice is not None
    assert notice.data["TargetDatasetId"] == "svc/predictions"


def test_predictions_without_the_ids_of_inputs_are_not_compared(engine: Engine) -> None:
    folder, when = engine.location.collected_folder, datetime.now(UTC)
    write_collected(SAME, when, folder)
    write_rows("predictions", pd.DataFrame({"score": [1.0] * 60}), ["of another script"], when, folder)
    baseline = BASELINE.assign(score=1.0)
    found = engine.drift.check("svc", baseline, baseline_name="train")
    assert (found.left_out, found.predictions) == ({"score": "not in the collected data"}, ())
    with pytest.raises(UsageError, match="no collected predictions to compare with score"):
        engine.drift.check("svc", baseline, baseline_name="train", prediction=["score"])


def test_what_cannot_be_checked_is_refused_and_not_recorded(engine: Engine) -> None:
    with pytest.raises(NotFound):
        engine.drift.check("svc", BASELINE, baseline_name="b")
    write_collected(SAME[:20], None, engine.location.collected_folder)
    with pytest.raises(UsageError, match="collected data: 20 rows are too few"):
        engine.drift.check("svc", BASELINE, baseline_name="b")
    with pytest.raises(UsageError, match="no data of 'svc' was collected since"):
        engine.drift.check("svc", BASELINE, baseline_name="b", since=datetime.now(UTC) + timedelta(hours=1))
    assert engine.drift.list() == []
    with pytest.raises(NotFound):
        engine.drift.get("svc")


def test_the_sdk_reads_baselines_and_options(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    workspace = Workspace.over(engine)
    write_collected(OLDER, None, engine.location.collected_folder)
    BASELINE.to_csv("train.csv", index=False)
    check = DriftCheck.run(workspace, "svc", "train.csv", columns="age", alpha="0.01", threshold=0.3)
    assert check.report.rule == DriftRule(0.01, 0.3)
    assert (check.report.baseline, check.drifted, check.drifted_features) == ("train.csv", True, ["age"])
    table = check.to_pandas_dataframe()
    assert table.loc["age", "drifted"]
    assert "shares" not in table.columns
    assert DriftCheck(workspace, "svc").report == check.report
    assert [each.version for each in DriftCheck.list(workspace)] == [1]
    assert repr(check) == "DriftCheck(service='svc', version=1, drifted=True)"
    for options, words in (
        ({"alpha": "much"}, "alpha"),
        ({"alpha": 2}, "must be above 0 and below 1"),
        ({"threshold": "0,1"}, "must be a number"),
        ({"columns": " , "}, "must be names with commas"),
        ({"since": "soon"}, "must be a date"),
    ):
        with pytest.raises(UserErrorException, match=words):
            DriftCheck.run(workspace, "svc", "train.csv", **options)
    with pytest.raises(UserErrorException, match="not found: 'trian'"):
        DriftCheck.run(workspace, "svc", "trian")
