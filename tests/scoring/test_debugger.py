"""AZUREML_DEBUG_PORT: a server waits for a debugger, which here is that of debugpy as VS Code starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from mlmagic.scoring.settings import InvalidSetting, debug_port

SCRIPT = "def init():\n    print('init() was called')\ndef run(data): return data\n"


class Debugger:
    """A debug adapter, and the messages of the Debug Adapter Protocol that an editor sends to it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "debugpy.adapter"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def send(self, command: str, **arguments: Any) -> None:
        body = json.dumps({"seq": 1, "type": "request", "command": command, "arguments": arguments}).encode()
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def wait_for(self, name: str) -> dict[str, Any]:
        """The next event or response called ``name``."""
        assert self.process.stdout
        while True:
            length = int(self.process.stdout.readline().partition(b":")[2])
            self.process.stdout.readline()
            message: dict[str, Any] = json.loads(self.process.stdout.read(length))
            if name in (message.get("event"), message.get("command")):
                return message

    def listen(self) -> int:
        """Wait for a debugged process; the port."""
        self.send("initialize", adapterID="debugpy")
        assert self.wait_for("initialize")["success"]
        self.send("attach", listen={"host": "127.0.0.1", "port": 0}, redirectOutput=False)
        return int(self.wait_for("debugpyWaitingForServer")["body"]["port"])


@pytest.fixture
def debugger() -> Iterator[Debugger]:
    debugger = Debugger()
    yield debugger
    debugger.process.kill()
    debugger.process.communicate()


@pytest.mark.processes
def test_a_server_waits_for_the_debugger(debugger, start_script, tmp_path, monkeypatch):
    monkeypatch.setenv("AZUREML_DEBUG_PORT", str(port := debugger.listen()))
    server = start_script(SCRIPT)
    debugger.wait_for("initialized")
    assert "init() was called" not in (tmp_path / "log").read_text()
    debugger.send("configurationDone")
    assert debugger.wait_for("attach")["success"]
    assert server.ask(body="1")[:2] == (200, '"1"')
    log = (tmp_path / "log").read_text()
    assert f"mlmagic: waiting for the debugger at port {port} (AZUREML_DEBUG_PORT)" in log
    assert "init() was called" in log


@pytest.mark.processes
def test_without_a_debugger_the_server_does_not_start(start_script, monkeypatch):
    monkeypatch.setenv("AZUREML_DEBUG_PORT", "1")  # nobody listens there
    error = start_script(SCRIPT).report("failed").error
    assert error["phase"] == "debugger"
    assert error["message"].startswith("no debugger listens at port 1 (AZUREML_DEBUG_PORT): ")
    assert '"listen": {"port": 1}' in error["hint"]


@pytest.mark.processes
def test_without_debugpy_the_server_does_not_start(start_script, tmp_path, monkeypatch):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "debugpy.py").write_text("raise ModuleNotFoundError('debugpy')")
    monkeypatch.setenv("PYTHONPATH", str(hidden), prepend=":")
    monkeypatch.setenv("AZUREML_DEBUG_PORT", "5678")
    error = start_script(SCRIPT).report("failed").error
    assert error["message"] == "AZUREML_DEBUG_PORT=5678 needs debugpy, which is not installed"
    assert error["hint"] == "Add debugpy to the environment of the service."


@pytest.mark.parametrize(("environment", "port"), [({}, None), ({"AZUREML_DEBUG_PORT": " 5678 "}, 5678)])
def test_the_port(environment, port):
    assert debug_port(environment) == port


def test_what_is_no_port():
    with pytest.raises(InvalidSetting, match="AZUREML_DEBUG_PORT is 'x': it must be a port from 1 to 65535"):
        debug_port({"AZUREML_DEBUG_PORT": "x"})
