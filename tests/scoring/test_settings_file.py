"""Settings in a file: config.json, or the file that AZUREML_CONFIG_FILE names."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlmagic.scoring.settings import InvalidSetting
from mlmagic.scoring.settings_file import SettingsFile, script_of, settings_file
from tests.support.environments import python_with

REFERENCE = Path(__file__).parent / "differential" / "requirements.txt"
KEYS = """
import logging, os, sys
from azureml_inference_server_http.server import config
print(*config.alias_mapping)
"""


def written(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.processes
def test_the_keys_are_those_of_the_reference_server(tmp_path):
    python = python_with(REFERENCE, "reference")
    names = subprocess.run(
        [python, "-c", KEYS], check=True, capture_output=True, text=True, cwd=tmp_path
    ).stdout.split()
    assert len(names) > 15
    file = SettingsFile.read(written(tmp_path / "a.json", dict.fromkeys(names)))
    assert file.unknown == ()


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("SERVICE_NAME", "a", "a"),
        ("SERVICE_NAME", "", ""),
        ("SCORING_TIMEOUT_MS", 6000, "6000"),
        ("SCORING_TIMEOUT_MS", "6000", "6000"),
        ("SCORING_TIMEOUT_MS", 6000.0, "6000"),
        ("AML_MODEL_DC_STORAGE_ENABLED", True, "true"),
        ("AML_MODEL_DC_STORAGE_ENABLED", "Off", "false"),
        ("AML_MODEL_DC_STORAGE_ENABLED", 1, "true"),
        ("AML_CORS_ORIGINS", "www.microsoft.com ", "www.microsoft.com "),
    ],
)
def test_a_value_becomes_a_variable(tmp_path, name, value, text):
    assert SettingsFile.read(written(tmp_path / "a.json", {name: value})).values == {name: text}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SERVICE_NAME", 5, "SERVICE_NAME in FILE is 5: it must be text"),
        ("SERVICE_NAME", ["a"], 'SERVICE_NAME in FILE is ["a"]: it must be text'),
        ("AML_CORS_ORIGINS", "a\0b", r'AML_CORS_ORIGINS in FILE is "a\u0000b": it must be text'),
        ("SCORING_TIMEOUT_MS", "soon", 'SCORING_TIMEOUT_MS in FILE is "soon": it must be a whole number'),
        ("SCORING_TIMEOUT_MS", 1.5, "SCORING_TIMEOUT_MS in FILE is 1.5: it must be a whole number"),
        ("SCORING_TIMEOUT_MS", True, "SCORING_TIMEOUT_MS in FILE is true: it must be a whole number"),
        ("SCORING_TIMEOUT_MS", 1e999, "SCORING_TIMEOUT_MS in FILE is Infinity: it must be a whole number"),
        (
            "AML_MODEL_DC_STORAGE_ENABLED",
            "maybe",
            'AML_MODEL_DC_STORAGE_ENABLED in FILE is "maybe": it must be true or false',
        ),
        ("AML_APP_INSIGHTS_KEY", 7, "AML_APP_INSIGHTS_KEY in FILE is its value: it must be text"),
    ],
)
def test_a_wrong_value_is_refused_by_name(tmp_path, name, value, message):
    path = written(tmp_path / "a.json", {name: value})
    with pytest.raises(InvalidSetting) as error:
        SettingsFile.read(path)
    assert str(error.value) == message.replace("FILE", str(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is not JSON: Expecting property name"), ("[1]", "holds a list: it must hold a JSON object")],
)
def test_a_named_file_without_settings_is_refused(tmp_path, text, message):
    path = written(tmp_path / "a.json", text)
    with pytest.raises(InvalidSetting, match=message):
        settings_file({"AZUREML_CONFIG_FILE": str(path)})


def test_a_named_file_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(InvalidSetting, match=r"AZUREML_CONFIG_FILE is 'gone\.json': there is no such file"):
        settings_file({"AZUREML_CONFIG_FILE": "gone.json"}, tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", '{"subscription_id": "a", "workspace_name": "b"}', '{"SERVICE_NAME": null}', "\xff"],
)
def test_a_config_json_of_another_program_is_left_alone(tmp_path, text):
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    assert settings_file({}, tmp_path) is None


def test_a_config_json_with_a_setting_must_be_right(tmp_path):
    written(tmp_path / "config.json", '{"SERVICE_NAME": "a",}')
    with pytest.raises(InvalidSetting, match=r"config\.json is not JSON"):
        settings_file({}, tmp_path)


def test_the_named_file_comes_first_then_the_source_directory(tmp_path):
    source, script = tmp_path / "source", tmp_path / "script"
    source.mkdir()
    script.mkdir()
    written(script / "config.json", {"SERVICE_NAME": "script"})
    assert settings_file({}, source, script).values == {"SERVICE_NAME": "script"}
    written(source / "config.json", {"SERVICE_NAME": "source"})
    assert settings_file({}, source, script).values == {"SERVICE_NAME": "source"}
    written(source / "mine.json", {"SERVICE_NAME": "mine"})
    named = settings_file({"AZUREML_CONFIG_FILE": "mine.json"}, source, script)
    assert named.values == {"SERVICE_NAME": "mine"}


def test_an_environment_variable_overrides_the_file(tmp_path):
    content = {
        "SERVICE_NAME": "a",
        "SERVICE_VERSION": "2",
        "AML_APP_INSIGHTS_KEY": "hush",
        "AZUREML_ENTRY_SCRIPT": "score.py",
        "EXTRA": 1,
    }
    file = SettingsFile.read(written(tmp_path / "a.json", content))
    environment = {
        "SERVICE_NAME": "b",
        "AML_APP_ROOT": str(tmp_path),
        "AZUREML_ENTRY_SCRIPT": str(tmp_path / "score.py"),
    }
    assert file.apply(environment) == [
        f"settings from {file.path}: SERVICE_VERSION=2, AML_APP_INSIGHTS_KEY",
        f"environment variables override SERVICE_NAME=a of {file.path}",
        f"{file.path} has keys that are no settings: EXTRA",
    ]
    assert (environment["SERVICE_NAME"], environment["SERVICE_VERSION"]) == ("b", "2")


def test_the_file_can_name_the_script(tmp_path):
    written(tmp_path / "config.json", {"AZUREML_ENTRY_SCRIPT": "in_file.py", "AML_APP_ROOT": "/root"})
    assert script_of({}, tmp_path) == ("in_file.py", "/root")
    assert script_of({"AZUREML_ENTRY_SCRIPT": "score.py"}, tmp_path) == ("score.py", "/root")
    assert script_of({}, tmp_path / "elsewhere") is None


SLOW = """
import os, time
def init(): pass
def run(data):
    if data == "wait": time.sleep(30)
    return [os.environ.get("AML_APP_INSIGHTS_ENABLED"), os.environ.get("WORKER_COUNT")]
"""


@pytest.mark.processes
def test_a_service_honours_the_file(start_script, tmp_path, monkeypatch):
    settings = {"SCORING_TIMEOUT_MS": 150, "SERVICE_NAME": "of the file", "AML_APP_INSIGHTS_ENABLED": True}
    written(tmp_path / "mine.json", settings)
    monkeypatch.setenv("AZUREML_CONFIG_FILE", "mine.json")
    for name in settings:
        monkeypatch.delenv(name, raising=False)
    server = start_script(SLOW)
    status, text, _ = server.ask(body="wait")
    assert (status, json.loads(text)) == (504, {"message": "Scoring timeout after 150 ms"})
    assert json.loads(server.ask("GET", "/swagger.json")[1])["info"]["title"] == "of the file"
    # Without a key there is no Application Insights: the script sees that, as in Azure ML v1.
    assert json.loads(server.ask(body="1")[1]) == ["false", "1"]
    log = (tmp_path / "log").read_text()
    assert f"mlmagic: settings from {tmp_path / 'mine.json'}: SCORING_TIMEOUT_MS=150, " in log
    assert "AML_APP_INSIGHTS_ENABLED=true has no effect" in log


@pytest.mark.processes
def test_a_wrong_file_fails_the_start(start_script, tmp_path):
    written(tmp_path / "config.json", {"SCORING_TIMEOUT_MS": "soon"})
    error = start_script(SLOW).report("failed").error
    assert error["phase"] == "settings"
    assert error["message"].startswith("SCORING_TIMEOUT_MS in ")


@pytest.mark.processes
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no entry script. Name it with --entry-script or AZUREML_ENTRY_SCRIPT"),
        ({"AZUREML_ENTRY_SCRIPT": 1}, "AZUREML_ENTRY_SCRIPT in config.json is 1: it must be text"),
        ({"AZUREML_ENTRY_SCRIPT": "gone.py"}, "entry script not found: "),
        ({"AZUREML_ENTRY_SCRIPT": "score.py"}, "init() was called"),
    ],
)
def test_a_server_that_is_started_by_hand_finds_its_script(tmp_path, content, message):
    (tmp_path / "score.py").write_text(
        "def init(): raise SystemExit('init() was called')\ndef run(data): return 1\n"
    )
    if content is not None:
        written(tmp_path / "config.json", content)
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AML_", "AZUREML_"))
    }
    command = [sys.executable, "-m", "mlmagic.scoring", "--port", "0"]
    ended = subprocess.run(command, cwd=tmp_path, env=inherited, capture_output=True, text=True, timeout=60)
    assert ended.returncode in (2, 3)
    assert message in ended.stderr


@pytest.mark.processes
@pytest.mark.parametrize("of_file", [True, False])
def test_a_script_imports_from_the_source_directory_that_is_named(
    start_script, tmp_path, monkeypatch, of_file
):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "named_part.py").write_text("VALUE = 7")
    if of_file:
        written(tmp_path / "config.json", {"AZUREML_SOURCE_DIRECTORY": "parts"})
    else:
        monkeypatch.setenv("AZUREML_SOURCE_DIRECTORY", "parts")
    server = start_script(
        "def init():\n    global named_part\n    import named_part\ndef run(data): return named_part.VALUE\n"
    )
    assert server.ask()[1] == "7"
    assert "AZUREML_SOURCE_DIRECTORY" not in (tmp_path / "log").read_text()


@pytest.mark.processes
def test_a_named_source_directory_that_does_not_exist_is_named(start_script, tmp_path, monkeypatch):
    monkeypatch.setenv("AZUREML_SOURCE_DIRECTORY", "gone")
    start_script("def init(): pass\ndef run(data): return 1\n").ask()
    log = (tmp_path / "log").read_text()
    assert "mlmagic: AZUREML_SOURCE_DIRECTORY=gone has no effect: there is no such folder\n" in log


@pytest.mark.processes
@pytest.mark.parametrize("script", ["scripts/score.py", None])
def test_a_server_that_is_started_by_hand_finds_its_source_directory(tmp_path, script):
    root, scripts = tmp_path / "root", tmp_path / "scripts"
    root.mkdir()
    scripts.mkdir()
    (scripts / "score.py").write_text(
        "import os\ndef init(): raise SystemExit(os.getcwd() + '|' + os.environ['AML_APP_ROOT'])\n"
        "def run(data): return 1\n"
    )
    given = {**os.environ, "AML_APP_ROOT": str(root)}
    command = [sys.executable, "-m", "mlmagic.scoring", "--port", "0"]
    if script:
        command += ["--entry-script", script]
    else:
        written(root / "config.json", {"AZUREML_ENTRY_SCRIPT": "../scripts/score.py"})
    ended = subprocess.run(command, cwd=tmp_path, env=given, capture_output=True, text=True, timeout=60)
    assert f"SystemExit: {root}|{root}\n" in ended.stderr
