"""Docker engines and registries that are not simply this machine's own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from mlmagic.errors import LaunchFailed
from tests.support import docker_registry
from tests.support.docker_engine import BASE_IMAGE, DockerEngine
from tests.support.engines import ON_DOCKER, script

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]
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
            for one, other in ((caller, engine), (engine, caller)):
                threading.Thread(target=_pump, args=(one, other), daemon=True).start()


def _pump(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := one.recv(65536):
            other.sendall(chunk)
        other.shutdown(socket.SHUT_WR)


def test_an_engine_of_another_machine_serves(
    engine: Engine, elsewhere: str, docker: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", elsewhere)
    service = engine.services.wait(
        engine.services.deploy("svc", [], script(), replace(ON_DOCKER, auth_enabled=True))
    )
    assert (service.url or "").startswith(f"http://{MACHINE}:")
    assert service.machine is None  # whoever sees the workspace can reach it
    assert engine.requests.score("svc", 1)["said"] == 1
    # Found again at its own engine, whatever is meant now.
    monkeypatch.setenv("DOCKER_HOST", docker.host)
    updated = engine.services.wait(engine.services.update("svc", config_changes={"tags": {"a": "b"}}))
    assert updated.state is State.HEALTHY
    assert any("serving" in line for line in engine.services.logs("svc"))
    engine.services.delete("svc")
    assert docker.docker("ps", "--all", "--quiet", "--filter", "label=mlmagic.service=svc") == ""


def test_a_base_image_comes_from_a_registry_that_asks_who_one_is(
    engine: Engine, docker: DockerEngine, tmp_path: Path
) -> None:
    with docker_registry.running(tmp_path, user="reader", password="let-me-in") as address:
        name = f"{address}/bases/python:1"
        docker.docker("tag", BASE_IMAGE, name)
        docker.docker("login", "--username", "reader", "--password", "let-me-in", address)
        docker.docker("push", name)
        docker.docker("logout", address)
        docker.docker("rmi", name)

        def based(password: str) -> dict[str, object]:
            registry = {"address": address, "username": "reader", "password": password}
            return {"docker": {"baseImage": "bases/python:1", "baseImageRegistry": registry}}

        with pytest.raises(LaunchFailed, match=f"base image '{name}' cannot be pulled") as refused:
            engine.services.wait(
                engine.services.deploy("svc", [], script(), ON_DOCKER, environment=based("wrong"))
            )
        assert "wrong" not in str(refused.value)
        engine.services.wait(
            engine.services.deploy("svc", [], script(), ON_DOCKER, environment=based("let-me-in"))
        )
        assert engine.requests.score("svc", 1)["said"] == 1
        engine.services.delete("svc")
        docker.docker("rmi", "--force", name)
