"""The settings of azureml-inference-server-http: honoured, or named when a service starts."""

import json
import re
import socket
import subprocess
from pathlib import Path

import pytest

from mlmagic.scoring import settings
from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.response import Renderer, Response
from mlmagic.scoring.settings import SETTINGS, InvalidSetting, health_port, without_effect
from tests.support.environments import python_with

REFERENCE = Path(__file__).parent / "differential" / "requirements.txt"
NAMES = """
import re, azureml_inference_server_http.constants as constants
from pathlib import Path
names = {value for name, value in vars(constants).items() if name.startswith("ENV_")}
config = (Path(constants.SERVER_ROOT) / "config.py").read_text()
print(*names | set(re.findall(r'^    "([A-Z_]+)": "', config, re.M)))
"""
ECHO = "def init(): print('ready')\ndef run(data): return 1"


@pytest.mark.processes
def test_every_setting_of_the_reference_server_is_in_the_table():
    python = python_with(REFERENCE, "reference")
    there = subprocess.run([python, "-c", NAMES], check=True, capture_output=True, text=True).stdout.split()
    assert len(there) > 20
    assert set(there) <= {setting.name for setting in SETTINGS}


@pytest.mark.parametrize(
    ("environment", "sentences"),
    [
        ({}, []),
        ({"WORKER_COUNT": "1", "AML_APP_INSIGHTS_ENABLED": "false", "SERVICE_NAME": "a"}, []),
        ({"WORKER_COUNT": "4", "AZUREML_WORKER_COUNT": "4"}, []),
        ({"WORKER_PRELOAD": "true"}, ["WORKER_PRELOAD=true has no effect: each process loads the script"]),
        (
            {"AML_APP_INSIGHTS_ENABLED": "true", "AML_APP_INSIGHTS_KEY": "hush"},
            [
                "AML_APP_INSIGHTS_KEY has no effect: Application Insights takes a connection string",
                "AML_APP_INSIGHTS_ENABLED=true has no effect: there is no OTEL_EXPORTER_OTLP_ENDPOINT",
            ],
        ),
        (
            {"AML_APP_INSIGHTS_ENABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"},
            [],
        ),
        ({"AZUREML_DEBUG_PORT": "5678", "AZUREML_CONFIG_FILE": "a.json"}, []),
    ],
)
def test_a_setting_without_effect_is_named(environment, sentences):
    found = without_effect(environment)
    assert len(found) == len(sentences)
    for sentence, beginning in zip(found, sentences, strict=True):
        assert sentence.startswith(beginning)
    assert "hush" not in str(found)


@pytest.mark.parametrize(
    ("environment", "port"),
    [
        ({}, None),
        ({"HEALTH_PORT": "5050"}, 5050),
        ({"SEPERATE_HEALTH_ENDPOINT": "true"}, 5000),
        ({"SEPERATE_HEALTH_ENDPOINT": "false"}, None),
        ({"SEPERATE_HEALTH_ENDPOINT": "true", "HEALTH_PORT": "81"}, 81),
    ],
)
def test_the_health_port(environment, port):
    assert health_port(environment) == port


LOCAL = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("http://localhost:4318", True),
        ("http://collector.localhost:4318", True),
        ("http://127.0.0.2:4318", True),
        ("http://[::1]:4318", True),
        ("http://collector:4318", False),
        ("http://10.0.0.1:4318", False),
        ("localhost:4318", False),  # the server refuses it
    ],
)
def test_a_collector_at_localhost_is_named_for_a_container(url, named):
    environment = {"AML_APP_INSIGHTS_ENABLED": "true", LOCAL: url}
    found = without_effect(environment, in_container=True)
    assert [each.startswith(f"{LOCAL}={url} cannot be reached from a container") for each in found] == (
        [True] if named else []
    )
    assert without_effect(environment) == without_effect({LOCAL: url}, in_container=True) == []


def test_a_health_port_that_is_not_published_is_named():
    assert without_effect({"HEALTH_PORT": "5050"}) == without_effect({}, in_container=True) == []
    assert without_effect({"HEALTH_PORT": "5050"}, in_container=True) == [
        "The health port 5050 answers inside the container only: the container publishes just the port of "
        "the service, where GET / answers health checks too."
    ]


@pytest.mark.parametrize("text", ["x", "0", "65536", "-1", "5.0", "²"])
def test_what_is_no_port(text):
    with pytest.raises(InvalidSetting, match=f"HEALTH_PORT is '{text}': it must be a port from 1 to 65535"):
        health_port({"HEALTH_PORT": text})


@pytest.mark.parametrize(("value", "shown"), [(None, True), ("true", True), ("True", True), ("false", False)])
def test_the_version_of_the_server_can_be_left_out(monkeypatch, value, shown):
    monkeypatch.delenv(settings.SERVER_VERSION, raising=False)
    if value is not None:
        monkeypatch.setenv(settings.SERVER_VERSION, value)
    head = Renderer().render(Response(200), Request(b"GET", b"/", {}))
    assert (b"x-ms-server-version" in head) is shown
    assert b"\r\n\r\n" in head


@pytest.mark.processes
def test_a_service_names_them_in_its_log_and_answers_at_its_health_port(start_script, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    monkeypatch.setenv("WORKER_PRELOAD", "true")
    monkeypatch.setenv("HEALTH_PORT", str(port))
    server = start_script(ECHO)
    assert server.ask("GET", "/")[:2] == (200, "Healthy")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert client.makefile("rb").read().endswith(b"\r\n\r\nHealthy")
    log = (tmp_path / "log").read_text()
    assert "mlmagic: WORKER_PRELOAD=true has no effect: each process loads the script" in log
    assert f"mlmagic: health checks at http://127.0.0.1:{port} too" in log
    server.process.terminate()
    assert server.ends() == 0


@pytest.mark.processes
def test_a_health_port_that_is_taken_fails_the_start(start_script, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("HEALTH_PORT", str(taken.getsockname()[1]))
        server = start_script(ECHO)
        error = server.report("failed").error
    assert error["phase"] == "bind"
    assert re.fullmatch(r"port \d+ is in use", error["message"])


LOGS = """
import logging
def init(): logging.getLogger("mine").info("ready")
def run(data): logging.getLogger("mine").debug("not shown")
"""
CONFIG = {
    "version": 1,
    "formatters": {
        "azml": {
            "class": "azureml_inference_server_http.log_config.AMLLogFormatter",
            "format": "MINE %(levelname).1s %(message)s",
        }
    },
    "filters": {"roots": {"()": "azureml_inference_server_http.log_config.RootAccessFilter"}},
    "handlers": {
        "out": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": "azml",
            "filters": ["roots"],
        }
    },
    "loggers": {"mine": {"level": "INFO", "handlers": ["out"], "propagate": False}},
}


@pytest.mark.processes
def test_a_logging_file_beside_the_script_configures_logging(start_script, tmp_path):
    (tmp_path / "logging.json").write_text(json.dumps(CONFIG))
    server = start_script(LOGS)
    server.ask()
    log = (tmp_path / "log").read_text()
    assert "\nMINE I ready\n" in f"\n{log}"
    assert "not shown" not in log


@pytest.mark.processes
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "logging.json cannot be used: Expecting property name"),
        ("[]", "logging.json cannot be used: it holds a list, not an object"),
        ('{"version": 2}', "logging.json cannot be used: Unsupported version: 2"),
        (
            json.dumps({"version": 1, "handlers": {"a": {"class": "logging.Nothing"}}}),
            "logging.json cannot be used: Unable to configure handler 'a'",
        ),
    ],
)
def test_a_bad_logging_file_fails_the_start(start_script, tmp_path, text, message):
    (tmp_path / "logging.json").write_text(text)
    error = start_script(ECHO).report("failed").error
    assert error["phase"] == "logging"
    assert error["message"].startswith(message)
    assert "logging.config.dictConfig" in error["hint"]


@pytest.mark.processes
def test_the_next_revision_takes_the_health_port_over(start, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    monkeypatch.setenv("HEALTH_PORT", str(port))
    script = tmp_path / "score.py"
    script.write_text(ECHO)
    first = start(script)
    own = first.report("serving").port
    second = start(script, "--take-over", str(first.folder), folder=tmp_path / "second", port=own)
    assert second.report("serving").port == own
    first.process.terminate()
    assert first.ends() == 0
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert client.makefile("rb").read().endswith(b"\r\n\r\nHealthy")
