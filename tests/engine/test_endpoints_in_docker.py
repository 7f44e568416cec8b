"""Endpoints whose versions are containers: their router is a process of this machine."""

from __future__ import annotations

from collections import Counter

import pytest
import requests

from mlmagic.core.configuration import InferenceConfig
from mlmagic.engine.endpoints.version_request import Marks, VersionRequest
from mlmagic.engine.engine import Engine
from tests.support.docker_engine import DockerEngine
from tests.support.engines import ON_DOCKER
from tests.support.keep_alive import keep_alive_clients
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

SCRIPT = "def init(): ...\ndef run(data): return '{name}'\n"


def inference(name: str) -> InferenceConfig:
    return InferenceConfig("score.py", script_text=SCRIPT.format(name=name))


def test_versions_in_containers(docker: DockerEngine, engine: Engine) -> None:
    notes: list[str] = []
    blue = VersionRequest((), inference("blue"), ON_DOCKER)
    shop = engine.services.wait(engine.endpoints.create("shop", "blue", blue, notify=notes.append), 240)
    assert "The versions run on the target docker, and their router on local." in notes
    assert (shop.target, engine.services.get("shop-blue").target) == ("local", "docker")
    green = VersionRequest(inference=inference("green"))
    engine.services.wait(engine.endpoints.create_version("shop", "green", green, Marks(25)), 240)
    with requests.Session() as session:
        uri = str(shop.scoring_uri)
        assert Counter(session.post(uri, data="1").json() for _ in range(40))["green"] == 10
    with keep_alive_clients(str(shop.url)) as clients:
        red = VersionRequest(inference=inference("red"))
        engine.services.wait(engine.endpoints.update_version("shop", "green", red), 240)
        before = clients.answered
        wait_for(lambda: clients.answered > before + 50, "more answers")
    assert clients.lost == []
    assert requests.post(uri, data="1", headers={"azureml-model-deployment": "green"}).json() == "red"
    engine.services.delete("shop")
    assert engine.services.names() == []
