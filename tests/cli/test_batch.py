"""``mlmagic batch``."""

from __future__ import annotations

import json
from pathlib import Path

import pandas
import pytest

from tests.support.command_line import run

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

SCRIPT = "def run(rows):\n    print('seen')\n    return rows['id'] * 2\n"


def test_a_job_is_run_listed_shown_and_deleted(folder: Path) -> None:
    (folder / "double.py").write_text(SCRIPT)
    pandas.DataFrame({"id": range(50), "x": 0.5}).to_parquet(folder / "rows.parquet")
    line = ("batch", "run", "--entry-script", "double.py", "--batch-script", "-i", "rows.parquet")
    done = run(*line, "--output-path", "out.csv", "--mini-batch", "200", "--processes", "2")
    assert done.exit_code == 0, done.stderr
    job = json.loads(done.stdout)
    assert (job["name"], job["state"], job["items"], job["failedItems"]) == ("double", "Completed", 50, 0)
    assert "double: 50 of 50 items" in done.stderr
    assert list(pandas.read_csv(folder / "out.csv")["id"]) == [*range(0, 100, 2)]
    assert json.loads(run("batch", "show", "-n", "double").stdout) == job
    assert [one["name"] for one in json.loads(run("batch", "list", "-o", "json").stdout)] == ["double"]
    assert "50 of 50" in run("batch", "list").stdout
    assert set(run("batch", "logs", "-n", "double").stdout.split()) == {"seen"}
    assert run("batch", "delete", "-n", "double").exit_code == 0
    assert run("batch", "show", "-n", "double").exit_code == 3


def test_the_script_of_a_model(folder: Path) -> None:
    pandas.DataFrame({"id": range(5)}).to_csv(folder / "rows.csv", index=False)
    (folder / "served.py").write_text(
        "import json\ndef init(): ...\n"
        "def run(data): return [row[0] + 1 for row in json.loads(data)['data']]\n"
    )
    run("model", "register", "-n", "net", "-p", "net.onnx")
    line = (
        "batch",
        "run",
        "-m",
        "net",
        "--entry-script",
        "served.py",
        "-i",
        "rows.csv",
        "--output-path",
        "out.jsonl",
    )
    done = run(*line)
    assert done.exit_code == 0, done.stderr
    found = [json.loads(row)["prediction"] for row in (folder / "out.jsonl").read_text().splitlines()]
    assert found == [1, 2, 3, 4, 5]


def test_a_failed_job_ends_with_an_error(folder: Path) -> None:
    (folder / "broken.py").write_text("def run(rows):\n    raise ValueError('no such town')\n")
    pandas.DataFrame({"id": range(5)}).to_csv(folder / "rows.csv", index=False)
    line = ("batch", "run", "--entry-script", "broken.py", "--batch-script", "-i", "rows.csv")
    done = run(*line, "--output-path", "out.csv", "--tries", "1")
    assert done.exit_code == 1
    assert "ValueError: no such town" in done.stderr
    assert json.loads(done.stdout)["error"] == "There is no succeeded mini batch item returned from run()"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("--entry-script", "score.py"), "--input is missing"),
        (("-i", "rows.csv", "--output-path", "o"), "there is nothing to score with: name a model with -m"),
        (("-i", "rows.csv", "--output-path", "o", "--batch-script"), "--batch-script needs --entry-script"),
        (("-i", "x", "--output-path", "o", "--service", "s", "-m", "net"), "--service s excludes models"),
    ],
)
def test_what_is_wrong_is_told(folder: Path, line: tuple[str, ...], words: str) -> None:
    done = run("batch", "run", *line)
    assert done.exit_code == 2
    assert words in done.stderr
