"""Servers of one script: the reference, ours, and ours where the real inference-schema is installed.

Each serves from the folder of the script, listens on the loopback only, and is killed with its group.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import mlmagic

BOOT_S = 60.0

_ROOT = str(Path(mlmagic.__file__).parents[1])
_SERVING = re.compile(r"mlmagic: serving at http://127\.0\.0\.1:(\d+)")
_CONFIGURED = ("AML_", "AZUREML_", "MLMAGIC_", "SERVICE_", "SCORING_", "WORKER_", "PYTHON", "GUNICORN_")

# As under systemd: the socket that is open already is used, not the port of the command line, which
# would be bound on all addresses.
_REFERENCE = """
import os, sys
os.dup2(int(sys.argv.pop(1)), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
from azureml_inference_server_http.amlserver import run
run()
"""


class Log:
    """What a process says, and where it serves if it says so."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.lines: list[str] = []
        self.port = 0
        self.settled = threading.Event()
        """It has said where it serves, or its output has ended."""
        self.process = process
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)
            if found := _SERVING.search(line):
                self.port = int(found[1])
                self.settled.set()
        self.settled.set()

    def __str__(self) -> str:
        return "".join(self.lines)


@dataclass(frozen=True)
class Server:
    """A server that was started; ``port`` is None if it has ended, with ``exit_code``."""

    port: int | None
    exit_code: int | None
    log: Log


@contextmanager
def reference(python: Path, script: Path, home: Path, extra: Mapping[str, str]) -> Iterator[Server]:
    """azureml-inference-server-http; its socket takes connections before it serves."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port, number = listener.getsockname()[1], listener.fileno()
        command = [str(python), "-P", "-c", _REFERENCE, str(number), "--entry_script", script.name]
        environment = {**_environment(home, extra), "GUNICORN_CMD_ARGS": "--no-control-socket"}
        process = _start(command, script.parent, environment, number)
    # From here on the socket is the server's alone: it is closed when the server ends.
    with _ending(process) as log:
        if _answers(port):
            yield Server(port, None, log)
        else:
            yield Server(None, process.wait(BOOT_S), log)


@contextmanager
def ours(python: Path, script: Path, home: Path, extra: Mapping[str, str]) -> Iterator[Server]:
    """``python -m mlmagic.scoring`` in the environment of ``python``."""
    command = [str(python), "-m", "mlmagic.scoring", "--entry-script", script.name, "--port", "0"]
    command += ["--allowed-hosts", "service"]
    environment = {**_environment(home, extra), "PYTHONPATH": _ROOT}
    with _ending(_start(command, script.parent, environment)) as log:
        if not log.settled.wait(BOOT_S):
            raise TimeoutError(f"{script.name} is not served:\n{log}")
        yield Server(log.port or None, None if log.port else log.process.wait(BOOT_S), log)


def _environment(home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_CONFIGURED)}
    return {**inherited, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", **extra}


def _start(
    command: list[str], folder: Path, environment: dict[str, str], *sockets: int
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        pass_fds=sockets,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


@contextmanager
def _ending(process: subprocess.Popen[str]) -> Iterator[Log]:
    log = Log(process)
    try:
        yield log
    finally:
        # The master of gunicorn leads the group; its workers are in it.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.reader.join(10)
        assert process.stdout
        process.stdout.close()


def _answers(port: int) -> bool:
    """Whether the server comes up: its first answer is awaited, or its end, which resets the connection."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=BOOT_S) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
            return client.recv(1) != b""
    except ConnectionError:
        return False


OUR_PYTHON = Path(sys.executable)
