"""`%collected` in a real shell, and the same in a shell's command."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from mlmagic.errors import InvalidConfig, NotFound, UsageError
from mlmagic.magics.session import MLMagic
from tests.support.command_line import run
from tests.support.engines import MakeEngine
from tests.support.shells import TestingShell
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

SCRIPT = """
import json
import sys
def init():
    pass
def run(data):
    return [row["a"] * 2 for row in json.loads(data)["data"]]
"""


def test_from_requests_to_a_table_a_dataset_and_labels(
    shell: TestingShell, make_engine: MakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine()
    next(one for one in shell.configurables if isinstance(one, MLMagic)).use(engine)
    shell.run_cell(f"%%score_script twice\n{SCRIPT}")
    shell.run_cell("%deploy svc --script twice --collect --collection-redacted-columns name")
    shell.refuses("%collected svc", UsageError, "no data of 'svc' was collected")
    shell.refuses("%collected none", NotFound, "Service not found: 'none'")
    shell.run_cell('%score svc {"data": [{"a": 1, "name": "Ada"}, {"a": 2, "name": "Bob"}]}')
    shell.run_cell('%score svc {"data": [{"a": 3}]}')

    def rows() -> bool:
        table = engine.collected_data.read("svc")
        return len(table) == 3 and not table["prediction"].isna().any()

    wait_for(rows, "the rows", ignoring=(UsageError, KeyError))
    shell.run_cell("%collected svc --since 1h -o df")
    table = shell.user_ns["df"]
    assert table["prediction"].tolist() == [2, 4, 6]
    assert table["name"].tolist()[:2] == ["[redacted]", "[redacted]"]
    shell.refuses("%collected svc --until 1h", UsageError, "no data of 'svc' was collected")
    shell.refuses("%collected svc --since soon", InvalidConfig, "must be a date, a time, or how long ago")

    shell.run_cell("%collected svc --requests -o requests")
    assert [json.loads(body) for body in shell.user_ns["requests"]] == [{"data": [{"a": 3}]}]
    shell.user_ns["truth"] = table[["$aml_dc_correlation_id"]].assign(label=[1, 0, 1])
    shell.run_cell("%collected svc --labels truth")
    shell.run_cell("%collected svc --register baseline -o dataset")
    found = shell.user_ns["dataset"].to_pandas_dataframe()
    assert found["label"].tolist() == [1, 0, 1]
    shell.refuses("%collected svc --labels 7", InvalidConfig, "must be a DataFrame")
    shell.refuses("%collected svc --requests --register x", UsageError, "exclude each other")

    monkeypatch.setenv("MLMAGIC_WORKSPACE", str(engine.location.folder))
    records = json.loads(run("service", "data", "-n", "svc", "-o", "json").output)
    assert [record["label"] for record in records] == [1, 0, 1]
    file = tmp_path / "requests.csv"
    assert run("service", "data", "-n", "svc", "--requests", "--file", str(file)).exit_code == 0
    assert pd.read_csv(file)["body"].tolist() == shell.user_ns["requests"]
    labels = tmp_path / "labels.csv"
    shell.user_ns["truth"].assign(label=[0, 0, 0]).to_csv(labels, index=False)
    assert run("service", "labels", "-n", "svc", "--file", str(labels)).exit_code == 0
    assert engine.collected_data.read("svc")["label"].tolist() == [0, 0, 0]
    assert "prediction" in run("service", "data", "-n", "svc").output
    shell.run_cell("%update svc --no-collect")
    assert (
        "collection_redacted_columns"
        in engine.services.revision(engine.services.get("svc")).config.compute_settings
    )


def test_a_package_that_is_missing_is_told(
    shell: TestingShell, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine()
    next(one for one in shell.configurables if isinstance(one, MLMagic)).use(engine)
    shell.run_cell(f"%%score_script twice\n{SCRIPT}")
    shell.run_cell("%deploy svc --script twice --collect")
    shell.run_cell('%score svc {"data": [{"a": 1}]}')
    wait_for(lambda: len(engine.collected_data.read("svc")) == 1, "the row", ignoring=(UsageError, KeyError))
    monkeypatch.setitem(sys.modules, "pandas", None)
    shell.refuses("%collected svc", UsageError, "needs the package pandas, which is not installed")
    monkeypatch.setenv("MLMAGIC_WORKSPACE", str(engine.location.folder))
    done = run("service", "data", "-n", "svc")
    assert "needs the package pandas, which is not installed" in done.stderr
    assert "pip install pandas" in done.stderr
