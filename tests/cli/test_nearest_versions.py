"""``--nearest`` and ``--exact`` on the command line."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest

from tests.support import wheels
from tests.support.command_line import run
from tests.support.conda import conda

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]


@pytest.fixture
def configured(folder: Path) -> Path:
    """``ic.json`` with an old pin."""
    index = wheels.old_index(folder / "index")
    environment = conda("oldlib=1.0", {"pip": [f"--find-links {index}", "azureml-defaults"]})
    record = {"entryScript": "score.py", "environment": {"name": "old", **environment}}
    (folder / "ic.json").write_text(json.dumps(record))
    return folder


def test_a_deploy_takes_the_nearest_version_unless_it_is_exact(configured: Path) -> None:
    python = ".".join(platform.python_version_tuple()[:2])
    refused = run("model", "deploy", "-n", "svc", "--ic", "ic.json", "--exact")
    assert refused.exit_code == 1
    line = f"oldlib 1.0.* has no build for Python {python}"
    assert f"{line}; the nearest that has one is 2.0: write oldlib==2.0" in refused.stderr
    assert "Traceback" not in refused.stderr
    done = run("model", "deploy", "-n", "svc", "--ic", "ic.json")
    assert done.exit_code == 0, done.output
    said = [each for each in done.stderr.splitlines() if each.startswith("oldlib")]
    assert said == [f"{line}; serving with 2.0 (the nearest that has one)"]
    shown = json.loads(run("service", "show", "-n", "svc").stdout)
    assert [each["used"] for each in shown["replacements"]] == ["2.0"]


def test_a_package_follows_the_same_rule(configured: Path) -> None:
    words = ("model", "package", "--ic", "ic.json", "--kind", "folder", "-o", "taken")
    refused = run(*words, "--exact")
    assert (refused.exit_code, "write oldlib==2.0" in refused.stderr) == (1, True)
    assert run(*words).exit_code == 0
    assert "oldlib==2.0" in (configured / "taken" / "requirements.txt").read_text().splitlines()
