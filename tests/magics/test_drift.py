"""`%drift` in a real shell, with data that a real service has collected."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from mlmagic.errors import InvalidConfig, NotFound, UsageError
from mlmagic.magics.session import MLMagic
from mlmagic.widgets.service_card.live_service import LiveService
from tests.support.engines import MakeEngine
from tests.support.shells import TestingShell
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

SCRIPT = """
import json
def init():
    pass
def run(data):
    return [len(json.loads(data)["data"])]
"""


def test_from_requests_to_a_report(shell: TestingShell, make_engine: MakeEngine) -> None:
    engine = make_engine()
    next(one for one in shell.configurables if isinstance(one, MLMagic)).use(engine)
    shell.run_cell("%drift")
    assert "No drift checks. Run one with: %drift SERVICE --baseline DATA" in shell.shown()
    shell.run_cell(f"%%score_script count\n{SCRIPT}")
    shell.run_cell("%deploy svc --script count --collect")
    random = np.random.default_rng(1)
    train = pd.DataFrame({"age": random.normal(50, 10, 300), "bmi": random.normal(25, 3, 300)})
    now = pd.DataFrame({"age": random.normal(70, 10, 100), "bmi": random.normal(25, 3, 100)})
    shell.user_ns["train"], shell.user_ns["body"] = train, {"data": now.to_dict(orient="records")}
    shell.run_cell("%score svc {body}")
    wait_for(lambda: len(engine.collected_data.read("svc")) == 100, "the rows", ignoring=(UsageError,))

    shell.run_cell("%drift svc --baseline train -o check")
    assert "svc, drift check 1: ▲ Drift from a DataFrame of 300 rows in 1 feature: age" in shell.shown()
    assert shell.user_ns["check"].drifted_features == ["age"]
    shell.run_cell("%drift svc --baseline {train} --columns bmi --since 1h -o other")
    assert not shell.user_ns["other"].drifted
    shell.run_cell("%collected svc --register collected")
    shell.run_cell("%drift svc --baseline collected")
    assert "● No drift from collected" in shell.shown()
    shell.run_cell("%drift svc")
    assert "svc, drift check 3" in shell.shown()
    shell.run_cell("%drift -o checks")
    assert [check.version for check in shell.user_ns["checks"]] == [3]

    shell.refuses("%drift svc --baseline train --every 1d", InvalidConfig, "must be a registered dataset")
    shell.run_cell("%drift svc --baseline collected --every 1d")
    assert "Checking svc for drift every 1d. Stop with: %drift svc --stop" in shell.stdout + shell.shown()
    wait_for(lambda: engine.drift.get("svc").version == 4, "the first scheduled check")
    card = LiveService(engine, engine.services.get("svc"))
    wait_for(lambda: "Data drift" in dict(card.details), "the line in the card")
    assert dict(card.details)["Data drift"].startswith("none, checked 20")
    assert dict(card.details)["Data drift"].endswith("UTC; checked every 1d")
    card.close_card()
    shell.run_cell("%drift svc --stop")
    assert engine.schedules.of_drift("svc") is None

    shell.refuses("%drift svc --stop", NotFound, "not found: 'svc'")
    shell.refuses("%drift --stop", UsageError, "--stop needs a service")
    shell.refuses("%drift svc --stop --baseline train", UsageError, "--stop and --baseline exclude")
    shell.refuses("%drift svc --alpha 0.1", UsageError, "--alpha needs --baseline")
    shell.refuses("%drift --baseline train", UsageError, "--baseline needs a service")
    shell.refuses("%drift none", NotFound, "not found: 'none'")


PRODUCT = """
import json
def init():
    pass
def run(data):
    return [row["a"] * row["b"] for row in json.loads(data)["data"]]
"""


def test_predictions_that_drift_where_no_single_input_does(
    shell: TestingShell, make_engine: MakeEngine
) -> None:
    engine = make_engine()
    next(one for one in shell.configurables if isinstance(one, MLMagic)).use(engine)
    shell.run_cell(f"%%score_script product\n{PRODUCT}")
    shell.run_cell("%deploy svc --script product --collect")
    random = np.random.default_rng(2)
    first, second = random.normal(size=(2, 100))

    def send(table: pd.DataFrame, rows: int) -> None:
        shell.user_ns["body"] = {"data": table.to_dict(orient="records")}
        shell.run_cell("%score svc {body}")
        wait_for(lambda: len(engine.collected_data.read("svc")) == rows, "the rows", ignoring=(UsageError,))

    send(pd.DataFrame({"a": first, "b": second}), 100)
    shell.run_cell("%collected svc --register good")
    train = pd.DataFrame({"a": random.normal(size=200), "b": random.normal(size=200)})
    shell.user_ns["train"] = train.assign(target=train["a"] * train["b"])
    shell.run_cell("%drift svc --baseline train --prediction target -o check")
    assert not shell.user_ns["check"].drifted
    shell.refuses("%drift svc --baseline train --prediction targt", NotFound, "not found: 'targt'")
    shell.refuses("%drift svc --prediction target", UsageError, "--prediction needs --baseline")

    shell.user_ns["start"] = datetime.now(UTC).isoformat()
    send(pd.DataFrame({"a": first, "b": first}), 200)
    for line in ("--baseline good", "--baseline train --prediction target"):
        shell.run_cell(f"%drift svc {line} --since {{start}} -o check")
        check = shell.user_ns["check"]
        assert (check.drifted_features, len(check.drifted_predictions)) == ([], 1)
    assert "in the predictions: target" in shell.shown()
    shell.run_cell("%drift svc --baseline-since 1h --since {start} -o check")
    assert "Drift from the requests of 20" in shell.shown()
    assert shell.user_ns["check"].drifted_predictions == ["prediction"]
    shell.refuses("%drift svc --baseline-until {start} --since 1h", InvalidConfig, "baseline_until '20")
    shell.refuses("%drift svc --baseline-until 1h", UsageError, "no data of 'svc' was collected before")
    shell.refuses("%drift svc --baseline-until 1h --stop", UsageError, "--stop and --baseline-until exclude")
    shell.refuses("%drift --baseline-until 1h", UsageError, "--baseline-until needs a service")
    shell.refuses("%drift svc --baseline good --baseline-since 1h", UsageError, "exclude each other")
    shell.run_cell("%drift svc --baseline-since 1h --baseline-until {start} --since {start} --every 1d")
    found = engine.schedules.of_drift("svc")
    assert found is not None
    assert found.drift_check["baseline_since"] == "1h"
    wait_for(lambda: engine.drift.get("svc").version == 5, "the first scheduled check")
    assert engine.drift.get("svc").drifted_predictions == ["prediction"]
    shell.run_cell("%drift svc --stop")
    shell.run_cell("%drift svc --baseline train --prediction target --since {start} -o check")
    table = shell.user_ns["check"].to_pandas_dataframe()
    assert table["group"].to_dict() == {"a": "inputs", "b": "inputs", "target": "predictions"}
    card = LiveService(engine, engine.services.get("svc"))
    wait_for(lambda: "Data drift" in dict(card.details), "the line in the card")
    assert "the predictions (target), checked 20" in dict(card.details)["Data drift"]
    card.close_card()
