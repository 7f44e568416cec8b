"""`mlmagic model deploy --file`: a managed online deployment of Azure ML v2, as `az ml` writes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.support.command_line import run

pytestmark = pytest.mark.processes

SCRIPT = """
import json, os
def init():
    global weights
    weights = open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights.txt")).read()
def run(raw):
    return [weights, os.environ["COLOUR"], json.loads(raw)]
"""
DEPLOYMENT = {
    "$schema": "https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json",
    "name": "blue",
    "endpoint_name": "wine-svc",
    "model": {"path": "models/weights.txt"},
    "code_configuration": {"code": "onlinescoring", "scoring_script": "score.py"},
    "instance_type": "Standard_DS2_v2",
    "instance_count": 2,
    "request_settings": {"request_timeout_ms": 3000},
    "environment_variables": {"COLOUR": "red"},
    "app_insights_enabled": True,
}


@pytest.fixture
def file(folder: Path) -> Path:
    (folder / "models").mkdir()
    (folder / "models" / "weights.txt").write_text("heavy")
    (folder / "onlinescoring").mkdir()
    (folder / "onlinescoring" / "score.py").write_text(SCRIPT)
    written = folder / "deployment.yml"
    written.write_text(yaml.safe_dump(DEPLOYMENT))
    return written


def test_it_is_served_here(file: Path) -> None:
    done = run("model", "deploy", "--file", str(file))
    assert done.exit_code == 0, done.stderr
    try:
        assert "registered wine-svc:1" in done.stderr
        assert "app_insights_enabled of deployment.yml has no effect here." in done.stderr
        assert done.stdout.strip().endswith("/score")
        answer = run("service", "run", "-n", "wine-svc", "-d", "[1]")
        assert json.loads(answer.stdout) == ["heavy", "red", [1]]
        shown = json.loads(run("service", "show", "-n", "wine-svc").stdout)
        assert shown["replicas"] == 2
    finally:
        assert run("service", "delete", "-n", "wine-svc").exit_code == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"modell": "x"}, "Key of deployment.yml not found: 'modell'. Did you mean 'model'?"),
        ({"endpoint_name": None}, "endpoint_name None must be text, in deployment.yml"),
        ({"model": "azureml://registries/azureml/models/x/versions/1"}, "is in a registry of Azure"),
        ({"model": {"path": "nowhere"}}, "File or folder not found"),
        ({"model": "azureml:missing:1"}, "Model not found: 'missing:1'"),
        ({"code_configuration": {"code": "onlinescoring"}}, "scoring_script None must name the entry script"),
        (
            {"request_settings": {"timeout": 1}},
            "Key of request_settings in deployment.yml not found: 'timeout'",
        ),
        ({"instance_count": 0}, "0 must be between 1 and 100"),
        ({"tags": "a"}, "tags 'a' must be a mapping"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_left(file: Path, change: dict[str, object], told: str) -> None:
    file.write_text(yaml.safe_dump({**DEPLOYMENT, **change}))
    done = run("model", "deploy", "--file", str(file))
    assert done.exit_code != 0
    assert told in done.stderr
    assert run("service", "list", "-o", "json").stdout == "[]\n"
    assert run("model", "list", "-o", "json").stdout == "[]\n"


def test_it_excludes_what_it_says_itself(file: Path) -> None:
    done = run("model", "deploy", "--file", str(file), "-m", "wine")
    assert "--file names model, script and settings already" in done.stderr
    assert "model deploy needs -n NAME" in run("model", "deploy", "-m", "wine").stderr
