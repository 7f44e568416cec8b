from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.engine.engine import Engine
from mlmagic.engine.services.reconcile import pace
from mlmagic.targets.fake import FakeTarget
from tests.conftest import MakeEngine

SCRIPTS = Path(__file__).parent / "scripts"
ON_FAKE = DeploymentConfig("fake")


def script(name: str = "echo") -> InferenceConfig:
    """One of tests/engine/scripts, as a deploy takes it."""
    return InferenceConfig(str(SCRIPTS / f"{name}.py"))


def servers_here() -> list[psutil.Process]:
    """Scoring servers, loaders and workers that this process has started."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if any(word.startswith("mlmagic.") for word in child.cmdline()):
                found.append(child)
    return found


class Answering:
    """An HTTP server that answers as a healthy service does, or does not."""

    def __init__(self) -> None:
        self.healthy = True
        self.metrics = b'{"requests": 3}'
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = outer.metrics if self.path == "/metrics" else b"Healthy"
                self.send_response(200 if outer.healthy else 500)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def answering() -> Iterator[Answering]:
    server = Answering()
    yield server
    server.close()


@pytest.fixture
def fake(answering: Answering) -> FakeTarget:
    target = FakeTarget()
    target.url = answering.url
    return target


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A healthy service is looked at often, so that the tests need not wait for it."""
    monkeypatch.setattr(pace, "WHILE_SERVING", 0.02)
    monkeypatch.setattr(pace, "WHILE_STARTING", 0.02)


@pytest.fixture
def fake_engine(make_engine: MakeEngine, fake: FakeTarget) -> Engine:
    return make_engine(targets=lambda name: fake)
