"""The tests' Docker engine, reached as one of another machine is."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.support.docker_engine import DockerEngine

MACHINE = "127.0.0.2"


@pytest.fixture
def elsewhere(docker: DockerEngine) -> Iterator[str]:
    """The same engine, reached by TCP at another address, as one of another machine is."""
    assert docker.host.startswith("unix://")
    with socket.create_server((MACHINE, 0)) as server:
        threading.Thread(
            target=_relay, args=(server, docker.host.removeprefix("unix://")), daemon=True
        ).start()
        yield f"tcp://{MACHINE}:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def _relay(server: socket.socket, path: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            caller, _ = server.accept()
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(path)
            threading.Thread(target=_connect, args=(caller, engine), daemon=True).start()


def _connect(caller: socket.socket, engine: socket.socket) -> None:
    with caller, engine:
        back = threading.Thread(target=_pump, args=(engine, caller), daemon=True)
        back.start()
        _pump(caller, engine)
        back.join()


def _pump(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := one.recv(65536):
            other.sendall(chunk)
        other.shutdown(socket.SHUT_WR)
