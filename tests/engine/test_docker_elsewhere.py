"""Docker engines and registries that are not simply this machine's own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from mlmagic.core.deployments import with_arguments
from mlmagic.core.profile import ProfilePlan
from mlmagic.core.webservice import State
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvalidConfig, LaunchFailed
from tests.support import docker_registry
from tests.support.docker_engine import BASE_IMAGE, DockerEngine
from tests.support.engines import ON_DOCKER, script
from tests.support.remote_docker import MACHINE

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


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


def test_whoever_reaches_a_remote_engine_may_not_call_its_services_unless_that_is_said(
    engine: Engine, elsewhere: str, docker: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", elsewhere)
    with pytest.raises(InvalidConfig, match=f"everyone who reaches {MACHINE} could call") as refused:
        engine.services.deploy("svc", [], script(), ON_DOCKER)
    assert "--no-auth" in str(refused.value.hint)
    assert engine.services.list() == []
    said = with_arguments(ON_DOCKER, {"auth_enabled": False})
    service = engine.services.wait(engine.services.deploy("svc", [], script(), said))
    assert engine.requests.score("svc", 1)["said"] == 1
    evil = requests.post(service.scoring_uri or "", json=1, headers={"Host": "ml.example"}, timeout=10)
    assert evil.status_code == 200  # it is behind the names of another machine
    # What runs there only for a moment has a key of its own.
    assert "401" not in str(engine.parity.check("svc", "docker", [b"1"]).differences)
    plan = ProfilePlan("p", (1.0,), (0.25,), seconds=0.3, concurrencies=(1,), target="docker")
    assert engine.profiles.measure(plan, [], script(), [b"1"]).sizes[0].successful
    engine.services.delete("svc")


def test_a_container_of_this_machine_is_closed_to_web_pages_and_bounded(
    engine: Engine, docker: DockerEngine
) -> None:
    service = engine.services.wait(engine.services.deploy("svc", [], script(), ON_DOCKER))
    uri = service.scoring_uri or ""
    for headers, status in (
        ({}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
    ):
        assert requests.post(uri, json=1, headers=headers, timeout=10).status_code == status
    names = docker.docker("ps", "--quiet", "--filter", "label=mlmagic.service=svc").split()
    form = "{{.HostConfig.PidsLimit}} {{json .HostConfig.LogConfig}}"
    for found in docker.docker("inspect", "--format", form, *names).splitlines():
        limit, _, log = found.partition(" ")
        assert int(limit) > 0
        assert json.loads(log)["Config"] == {"max-size": "10m", "max-file": "3"}
    engine.services.delete("svc")


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
