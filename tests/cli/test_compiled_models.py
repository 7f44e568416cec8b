"""`--compile` in a shell: registered, deployed, packaged, served without a workspace."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_line import exit_code_for, run
from tests.support.estimators import BODY, SERVES_RIDGE, expected, ridge, unusual
from tests.support.started_server import Started

EQUAL = "Compiled: predict (equal to 1e-12 on "


@pytest.fixture(autouse=True)
def models(folder: Path) -> Path:
    """The folder of the models, which a script is beside."""
    place = folder / "models"
    place.mkdir()
    ridge(place)
    unusual(place)
    (folder / "score.py").write_text(SERVES_RIDGE)
    return place


def test_a_registration_says_what_came_of_it_and_so_do_list_and_show() -> None:
    done = run("model", "register", "-n", "ridge", "-p", "models/ridge.pkl", "--compile")
    assert done.stdout == "ridge:1\n"
    assert f"ridge: {EQUAL}" in done.stderr
    shown = json.loads(run("model", "show", "-i", "ridge:1").stdout)
    assert shown["compilation"][0].startswith(EQUAL)
    assert EQUAL in run("model", "list").stdout


def test_a_model_that_cannot_be_compiled_is_registered_and_the_reason_is_shown() -> None:
    done = run("model", "register", "-n", "odd", "-p", "models/unusual.pkl", "--compile")
    assert (done.exit_code, done.stdout) == (0, "odd:1\n")
    (reason,) = json.loads(run("model", "show", "-i", "odd:1").stdout)["compilation"]
    assert reason.startswith("Not compiled: ")
    assert f"odd: {reason}" in done.stderr
    assert reason in run("model", "list").stdout
    assert run("model", "register", "-n", "net", "-p", "net.onnx", "--compile").exit_code == 0
    shown = json.loads(run("model", "show", "-i", "net:1").stdout)
    assert shown["compilation"][0].startswith("Not compiled: Its framework is Onnx")


@pytest.mark.processes
def test_a_service_is_deployed_compiled_and_updated() -> None:
    run("model", "register", "-n", "ridge", "-p", "models/ridge.pkl")
    done = run("model", "deploy", "-n", "svc", "-m", "ridge", "--es", "score.py", "--compile", "-o", "json")
    assert json.loads(done.stdout)["compilation"][0].startswith(EQUAL)
    answer = json.loads(run("service", "run", "-n", "svc", "-d", json.dumps(BODY)).stdout)
    assert answer["scikit-learn"] is False
    done = run("service", "update", "-n", "svc", "--no-compile", "-o", "json")
    assert json.loads(done.stdout)["compilation"] == []


def test_a_deployment_file_has_it(folder: Path) -> None:
    run("model", "register", "-n", "ridge", "-p", "models/ridge.pkl")
    (folder / "dc.json").write_text(json.dumps({"computeType": "local", "compile": True}))
    done = run(
        *("model", "deploy", "-n", "svc", "-m", "ridge", "--es", "score.py"),
        *("--dc", "dc.json", "--no-wait", "-o", "json"),
    )
    assert json.loads(done.stdout)["compilation"][0].startswith(EQUAL)


def test_a_package_has_the_compiled_models(folder: Path) -> None:
    run("model", "register", "-n", "ridge", "-p", "models/ridge.pkl")
    script = ("--entry-script", "score.py", "--kind", "folder")
    done = run("model", "package", "-m", "ridge", *script, "--compile", "-o", "compiled")
    assert f"ridge: {EQUAL}" in done.stderr
    assert (folder / "compiled" / "azureml-compiled").is_dir()
    run("model", "package", "-m", "ridge", *script, "-o", "plain")
    assert not (folder / "plain" / "azureml-compiled").exists()


@pytest.mark.processes
def test_a_server_without_a_workspace_compiles_its_models_once(
    folder: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLMAGIC_CACHE", str(folder / "cache"))
    for times in (1, 2):
        place = folder / str(times)
        place.mkdir()
        server = Started(
            *(place, "--model-dir", str(models), "--compile"),
            script=SERVES_RIDGE,
            command=("mlmagic", "serve"),
        )
        try:
            answer = server.up().score(json.dumps(BODY)).json()
        finally:
            server.stop()
        assert answer["result"] == pytest.approx(expected(models / "ridge.pkl"), rel=1e-12)
        assert answer["scikit-learn"] is False
        log = server.log.read_text()
        assert ("compiling to ONNX" in log) is (times == 1)
        assert f"ridge.pkl: {EQUAL}" in log
        assert "unusual.pkl: Not compiled: " in log


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "--compile needs the folder of the models"),
        (("--model-dir", "nowhere"), "Folder of models not found: 'nowhere'"),
        (("--model-dir", "empty"), "the folder 'empty' has no pickle of an estimator"),
    ],
)
def test_a_server_that_cannot_compile_says_why(folder: Path, words: tuple[str, ...], told: str) -> None:
    (folder / "empty").mkdir()
    done = run("serve", "--entry-script", "score.py", "--compile", *words)
    assert told in done.stderr
    assert done.exit_code == exit_code_for(told)


def test_the_help_of_the_server_names_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mlmagic", "serve", "--help"], capture_output=True, text=True, check=True
    )
    assert "--compile" in done.stdout
