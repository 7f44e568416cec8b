"""``mlmagic alert``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlmagic.workspace.listed_names import listed_names
from mlmagic.workspace.location import locate
from tests.support.command_line import run


def test_the_life_of_a_rule(folder: Path) -> None:
    assert run("alert", "list").stdout.startswith("No alert rules. Create one with: mlmagic alert create")
    line = ("alert", "create", "-n", "errors", "--condition", "error_rate>5%", "--for", "2m")
    made = run(*line, "--service", "wine-*", "--severity", "1", "--description", "look", "-o", "json")
    assert made.exit_code == 0, made.output
    assert "alert rule errors: error if error_rate > 5% in 5m, for 2m, at wine-*" in made.stderr
    record = json.loads(made.stdout)
    assert (record["condition"], record["forSeconds"], record["severity"]) == (
        "error_rate > 5%",
        120,
        "error",
    )
    again = run(*line)
    assert (again.exit_code, "'errors' already exists" in again.stderr) == (1, True)
    assert "no such service" in run("alert", "list").stdout
    assert listed_names(locate(), "alert rules") == ["errors"]
    shown = json.loads(run("alert", "show", "-n", "errors", "-o", "json").stdout)
    assert (shown["name"], shown["alerts"]) == ("errors", [])
    assert [each["name"] for each in json.loads(run("alert", "list", "-o", "json").stdout)] == ["errors"]
    assert "deleted alert rule errors" in run("alert", "delete", "-n", "errors").stderr
    assert run("alert", "delete", "-n", "errors").exit_code == 3
    assert run("alert", "show", "-n", "errors").exit_code == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "condition '' must be given"),
        (("--condition", "p99 > 200"), "p99 takes a time such as 200ms"),
        (("--condition", "drift", "--for", "soon"), "--for 'soon' must be a number"),
        (("--condition", "drift", "--severity", "bad"), "severity 'bad' must be one of critical (0)"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, options: tuple[str, ...], words: str) -> None:
    done = run("alert", "create", "-n", "errors", *options)
    assert (done.exit_code, words in done.stderr) == (2, True), done.stderr
