"""An endpoint of real processes: a router, and the servers of its versions."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

from mlmagic.scoring import report
from tests.support.waiting import wait_for

ANSWERS = """
import os
def init(): ...
def run(data): return os.environ["VERSION"]
"""
"""A script whose answer is the name of its version."""

WAITS = """
import os, time
def init(): ...
def run(data):
    with open(data + ".calls", "a") as calls:
        calls.write("called\\n")
    while os.path.exists(data):
        time.sleep(0.01)
    return os.environ["VERSION"]
"""
"""A script that takes as long as the file exists whose path it gets; it notes each call beside it."""


class Server:
    """A process of ``python -m mlmagic.scoring``."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        self.run_dir = folder / "run"
        self.run_dir.mkdir(parents=True, exist_ok=True)
        report.prepare(self.run_dir)
        self.log = folder / "log.txt"
        command = [sys.executable, "-m", "mlmagic.scoring", "--run-dir", str(self.run_dir), *arguments]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **variables})
        self._port = 0

    @property
    def port(self) -> int:
        """Its port, once it serves."""
        if not self._port:
            found = wait_for(self._serving, lambda: self.log.read_text(), timeout=30)
            self._port = int(found.port)
        return self._port

    def _serving(self) -> Any:
        seen = report.read_report(self.run_dir)
        return seen if seen and seen.phase == report.SERVING else None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def counted(self) -> dict[str, Any]:
        answer = requests.get(f"{self.url}/metrics", headers={"Accept": "application/json"}, timeout=10)
        return dict(answer.json())

    def wait_until_idle(self) -> None:
        """Until it answers no request any more."""
        wait_for(lambda: self.counted()["in_flight"] == 0, "no request in flight")

    @property
    def pid(self) -> int:
        """The process that serves: the one that was started may be a parent that only waits for it."""
        seen = report.read_report(self.run_dir)
        return (seen.pid if seen else None) or self.process.pid

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:  # it had not begun to serve
            self.process.kill()
            self.process.wait(20)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.process.wait(30)


class Endpoint:
    """A router and its versions. What it starts, `close` ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "routes.json"
        self.router: Server
        self.versions: dict[str, Server] = {}
        self._started: list[Server] = []

    def start(self, name: str, script: str = ANSWERS, *arguments: str, **variables: str) -> Server:
        """Start the server of a version, or another one of it."""
        folder = self.folder / f"{name}-{len(self._started)}"
        folder.mkdir()
        (folder / "score.py").write_text(script)
        options = ["--entry-script", str(folder / "score.py"), "--port", "0", *arguments]
        server = Server(folder, *options, VERSION=name, **variables)
        self._started.append(server)
        self.versions[name] = server
        return server

    def write(self, versions: list[dict[str, Any]], **more: Any) -> None:
        """Replace the routes file."""
        record = {"default": versions[0]["name"], "versions": versions, **more}
        draft = self.file.with_suffix(".new")
        draft.write_text(json.dumps(record))
        os.replace(draft, self.file)

    def route(
        self, shares: dict[str, float], of: dict[str, dict[str, Any]] | None = None, **more: Any
    ) -> None:
        """Give the started versions shares; ``of`` has more for some of them."""
        self.write(
            [
                {"name": name, "url": self.versions[name].url, "percent": share, **(of or {}).get(name, {})}
                for name, share in shares.items()
            ],
            **more,
        )

    def serve(self, *arguments: str, port: int = 0, wait: bool = True, **variables: str) -> Server:
        """Start a router; it is the one that is called from now on."""
        folder = self.folder / f"router-{len(self._started)}"
        folder.mkdir()
        options = ["--routes", str(self.file), "--port", str(port), *arguments]
        self.router = Server(folder, *options, **variables)
        self._started.append(self.router)
        assert not wait or self.router.port
        return self.router

    @property
    def url(self) -> str:
        return self.router.url

    def overview(self, **headers: str) -> dict[str, Any]:
        """What it says of its versions, by name."""
        answer = requests.get(f"{self.url}/versions", headers=headers, timeout=10).json()
        return {each["name"]: each for each in answer["versions"]}

    def score(self, data: Any = "1", session: Any = requests, path: str = "/score", **more: Any) -> Any:
        """Its answer to a request."""
        return session.post(f"{self.url}{path}", data=data, timeout=30, **more)

    def settle(self, **shares: float) -> None:
        """Wait until the router has read these shares."""

        wait_for(
            lambda: {name: each["percent"] for name, each in self.overview().items()} == shares,
            f"the router has read {shares}",
        )

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.router.port))
        connection.settimeout(30)
        return connection

    def send(self, data: bytes) -> bytes:
        """What the router answers to these bytes until it ends the connection."""
        with self.connect() as client:
            client.sendall(data)
            return read_all(client)

    def close(self) -> None:
        for each in self._started:
            each.kill()


def post(body: bytes = b"1", *fields: bytes, target: bytes = b"/score") -> bytes:
    """A request."""
    lines = b"".join(b"%b\r\n" % field for field in fields)
    return b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%b\r\n%b" % (
        target,
        len(body),
        lines,
        body,
    )


def read_all(client: socket.socket) -> bytes:
    """All that comes until the connection ends."""
    answer = b""
    while piece := client.recv(65536):
        answer += piece
    return answer


def read_until(client: socket.socket, end: bytes, answer: bytes = b"") -> bytes:
    """What comes until ``end``, or until the connection ends."""
    while end not in answer and (piece := client.recv(65536)):
        answer += piece
    return answer
