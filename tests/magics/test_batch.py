"""`%batch`, `%%batch_script` and `%batches` in a real shell."""

from __future__ import annotations

from pathlib import Path

import pandas
import pytest

from mlmagic.errors import CaptureError, NotFound, UsageError
from mlmagic.magics.session import MLMagic
from tests.support.engines import MakeEngine
from tests.support.shells import TestingShell

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

ROWS = pandas.DataFrame({"id": range(60), "x": [0.5] * 60})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    ROWS.to_csv("rows.csv", index=False)
    return tmp_path


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # Dask's use of pandas
def test_a_model_a_service_and_a_script_score_rows(
    shell: TestingShell, make_engine: MakeEngine, folder: Path
) -> None:
    next(one for one in shell.configurables if isinstance(one, MLMagic)).use(make_engine())
    shell.run_cell("from sklearn.linear_model import LinearRegression")
    shell.user_ns["rows"] = ROWS
    shell.run_cell("%register {LinearRegression().fit(rows, rows['id'] * 2)} --name double")
    shell.run_cell("%batch double --input rows.csv --output out --keep id -o job")
    job = shell.user_ns["job"]
    assert (job.state, job.counts.succeeded_items, job.error) == ("Completed", 60, "")
    found = job.to_pandas_dataframe()
    assert list(found["id"]) == [*range(60)]
    assert list(found["prediction"].round(6)) == [*range(0, 120, 2)]
    assert len(job.to_dask_dataframe().compute()) == 60
    assert "double ● Completed: double:1 over rows.csv" in shell.shown()

    shell.run_cell("%deploy svc -m double")
    shell.run_cell("%batch --service svc --input {rows} --output svc.parquet -o of_service")
    assert shell.user_ns["of_service"].to_pandas_dataframe()["prediction"].equals(found["prediction"])

    shell.run_cell("factor = 3")
    shell.run_cell("%%batch_script triple\ndef run(rows, context):\n    return rows['id'] * factor\n")
    assert "Captured triple. Run it with: %batch triple" in shell.shown()
    shell.run_cell("%batch triple --input rows --output triple.csv --mini-batch 200 --processes 1")
    assert list(pandas.read_csv("triple.csv")["id"]) == [*range(0, 180, 3)]
    shell.run_cell("%batches -o jobs")
    assert [job.name for job in shell.user_ns["jobs"]] == ["double", "svc", "triple"]
    shell.run_cell("%batches triple -o one")
    assert shell.user_ns["one"].version == 1


def test_a_failure_names_the_line_of_the_cell(
    shell: TestingShell, make_engine: MakeEngine, folder: Path
) -> None:
    next(one for one in shell.configurables if isinstance(one, MLMagic)).use(make_engine())
    shell.run_cell("%%batch_script broken\ndef run(rows):\n    return rows['missing']\n")
    shell.run_cell("%batch broken --input rows.csv --output out -o job")
    assert shell.user_ns["job"].state == "Failed"
    assert "line 3), in run" in shell.stdout
    assert "KeyError: 'missing'" in shell.stdout
    with pytest.raises(UsageError, match="keep 'y' is not a column"):
        shell.run_cell("%batch broken --input rows.csv --output out --keep y")


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        ("%batch", UsageError, "--input is missing"),
        ("%batch m --input rows.csv", UsageError, "--output is missing"),
        ("%batch m --input rows.csv --output out", NotFound, "Batch script or model not found: 'm'"),
        ("%batch --input rows.csv --output out", UsageError, "a batch job runs one thing"),
        ("%batch m --service s --input rows.csv --output out", UsageError, "a batch job runs one thing"),
        ("%batch --service s --input rows.csv --output out", NotFound, "Service not found: 's'"),
        ("%batch t --input nothing.csv --output out", UsageError, "not found: 'nothing.csv'"),
        (
            "%batch t --input rows.csv --output out.xls",
            UsageError,
            "must be a folder, or a file that ends with",
        ),
        ("%batch t --input rows.csv --output out --files --keep y", UsageError, "--keep needs a table"),
        ("%batch t --input rows.csv --output out --tries many", UsageError, "must be a whole number"),
        ("%batch t --input rows.csv --output out --timeout soon", UsageError, "must be a time, such as 90s"),
        ("%batch t --input rows.csv --output out --resume", UsageError, "no interrupted batch job 't'"),
        ("%batch t --source-directory d --input rows.csv --output out", UsageError, "needs --entry-script"),
        ("%%batch_script t\ndef score(rows): ...", CaptureError, "does not define run()"),
    ],
)
def test_what_is_wrong_is_told(
    shell: TestingShell, make_engine: MakeEngine, folder: Path, line: str, kind: type[Exception], words: str
) -> None:
    next(one for one in shell.configurables if isinstance(one, MLMagic)).use(make_engine())
    shell.run_cell("%%batch_script t\ndef run(rows):\n    return rows\n")
    shell.refuses(line, kind, words)
