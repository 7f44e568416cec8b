"""``mlmagic model profile`` and ``mlmagic profile``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command_line import exit_code_for, run

pytestmark = pytest.mark.processes


def test_a_profile_is_made_listed_shown_and_compared(folder: Path) -> None:
    run("model", "register", "-n", "net", "-p", "net.onnx")
    (folder / "rows.jsonl").write_text("[1]\n[2]\n")
    options = ("--cpu", "0.5,1", "--memory", "0.5", "--seconds", "0.2", "--rps", "5", "--tag-models")
    done = run(
        *("model", "profile", "-n", "p", "-m", "net:1", "--entry-script", "score.py", "-d", "rows.jsonl"),
        *options,
    )
    assert done.exit_code == 0, done.stderr
    details = json.loads(done.stdout)
    assert (details["state"], details["successRate"], details["requestedQueriesPerSecond"]) == (
        *("Succeeded", 100.0, 5.0),
    )
    assert "0.5 cores, 0.5 GB (size 1 of 2)" in done.stderr
    assert done.stderr.startswith("Measuring 2 sizes takes up to 2 s")
    assert json.loads(run("profile", "show", "-n", "p").stdout) == details
    assert [one["name"] for one in json.loads(run("profile", "list", "-o", "json").stdout)] == ["p"]
    assert "recommended" in run("profile", "show", "-n", "p", "-o", "table").stdout
    assert run("profile", "compare", "p", "p").stdout.count("net:1") == 2
    tags = json.loads(run("model", "show", "-n", "net").stdout)["tags"]
    assert tags["requestedCpu"] == f"{details['recommendedCpu']:g}"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("-d", "rows.csv", "--idi", "d:1"), "One of: --idi DATASET, -d FILE"),
        ((), "name one source of requests"),
        (("-d", "nowhere.csv"), "Dataset file not found: 'nowhere.csv'"),
        (("--idi", "d"), "Dataset not found: 'd'"),
        (("-d", "score.py", "--cpu", "9"), "cpu 9.0 must be between 0.1 and 3.5"),
        (("-d", "score.py", "--p99", "soon"), "p99 'soon' must be a time"),
    ],
)
def test_what_cannot_be_profiled_is_told(folder: Path, line: tuple[str, ...], words: str) -> None:
    done = run("model", "profile", "-n", "p", "--entry-script", "score.py", *line)
    assert done.exit_code == exit_code_for(words)
    assert words in done.stderr
