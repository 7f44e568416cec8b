"""The environment variables that a script finds."""

import os
from pathlib import Path

import pytest

from mlmagic.scoring.environment import ScriptEnvironment, set_server_variables

KEY = "11111111-2222-3333-4444-5555555555aB"


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({}, "false"),
        ({"AML_APP_INSIGHTS_ENABLED": "true"}, "false"),
        ({"AML_APP_INSIGHTS_KEY": KEY}, "false"),
        ({"AML_APP_INSIGHTS_ENABLED": "asdf", "AML_APP_INSIGHTS_KEY": KEY}, "false"),
        ({"AML_APP_INSIGHTS_ENABLED": "true", "AML_APP_INSIGHTS_KEY": "my-super-duper-key"}, "false"),
        ({"AML_APP_INSIGHTS_ENABLED": "true", "AML_APP_INSIGHTS_KEY": KEY}, "true"),
    ],
)
def test_a_script_reads_whether_application_insights_is_on(given, seen):
    variables = dict(given)
    set_server_variables(variables)
    assert variables["AML_APP_INSIGHTS_ENABLED"] == seen
    assert variables.get("AML_APP_INSIGHTS_KEY") == given.get("AML_APP_INSIGHTS_KEY")


@pytest.mark.parametrize(("given", "seen"), [({}, "1"), ({"WORKER_COUNT": "2"}, "2")])
def test_a_script_reads_how_many_workers_there_are(given, seen):
    variables = dict(given)
    set_server_variables(variables)
    assert variables["WORKER_COUNT"] == seen


@pytest.mark.parametrize(
    ("option", "given", "seen"),
    [
        (None, {}, None),
        ("models", {"AZUREML_MODEL_DIR": "other"}, "models"),
        (None, {"AZUREML_MODEL_DIR": "models"}, "models"),
        (None, {"AZUREML_MODEL_DIR": "/somewhere/models"}, "/somewhere/models"),
    ],
)
def test_the_folder_of_the_models_is_absolute_elsewhere(option, given, seen):
    # The script does not run in the folder in which the server was started.
    variables = dict(given)
    ScriptEnvironment.of("score.py", "/source", option).set_variables(variables)
    assert variables.get("AZUREML_MODEL_DIR") == (seen and str(Path(os.getcwd(), seen)))
    assert variables["AZUREML_ENTRY_SCRIPT"] == "/source/score.py"
    assert variables["AML_APP_ROOT"] == variables["AZUREML_SOURCE_DIRECTORY"] == "/source"


def test_a_relative_folder_of_compiled_models_is_found_from_the_source_directory(tmp_path):
    variables = {"MLMAGIC_COMPILED_MODELS": "compiled"}
    ScriptEnvironment.of("score.py", str(tmp_path), "models").set_variables(variables)
    assert variables["MLMAGIC_COMPILED_MODELS"] == str(Path.cwd() / "compiled")


def test_a_relative_folder_of_models_stays_where_the_script_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    variables = {"AZUREML_MODEL_DIR": "models/"}
    ScriptEnvironment.of("score.py", str(tmp_path), None).set_variables(variables)
    assert variables["AZUREML_MODEL_DIR"] == "models/"
