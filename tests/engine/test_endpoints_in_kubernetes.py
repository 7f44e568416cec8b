"""Endpoints in a Kubernetes cluster: the router and its versions are Deployments there."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
import requests

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.engine.endpoints.version_request import Marks, VersionRequest
from mlmagic.engine.engine import Engine
from mlmagic.errors import UsageError
from tests.support.keep_alive import keep_alive_clients
from tests.support.kubernetes_cluster import ON_KUBERNETES
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    pass

# The first starts the cluster.
pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("services_end"), pytest.mark.timeout(900)]

SCRIPT = "def init(): ...\ndef run(data): return '{name}'\n"


def inference(name: str) -> InferenceConfig:
    return InferenceConfig("score.py", script_text=SCRIPT.format(name=name))


def test_an_endpoint_and_its_versions_in_a_cluster(engine: Engine) -> None:
    blue = VersionRequest((), inference("blue"), ON_KUBERNETES)
    shop = engine.services.wait(engine.endpoints.create("shop", "blue", blue), 300)
    assert (shop.target, engine.services.get("shop-blue").target) == ("kubernetes", "kubernetes")
    green = VersionRequest(inference=inference("green"))
    engine.services.wait(engine.endpoints.create_version("shop", "green", green, Marks(25)), 300)
    here = DeploymentConfig("local")
    engine.services.wait(engine.services.deploy("svc", [], inference("one"), here), 60)
    with pytest.raises(UsageError, match=r"'svc' runs on local, where .* on kubernetes \(.*cannot reach it"):
        engine.endpoints.attach("shop", "third", "svc")
    engine.services.delete("svc")
    assert engine.endpoints.endpoint("shop").names == ["blue", "green"]
    uri = str(shop.scoring_uri)

    def share() -> int:
        with requests.Session() as session:
            return Counter(session.post(uri, data="1", timeout=20).json() for _ in range(40))["green"]

    wait_for(lambda: share() == 10, "the shares at the router", timeout=120)
    with keep_alive_clients(str(shop.url)) as clients:
        engine.traffic.set("shop", {"green": 100})
        wait_for(lambda: share() == 40, "the other shares", timeout=120)
        before = clients.answered
        wait_for(lambda: clients.answered > before + 50, "more answers")
    assert clients.lost == []
    wait_for(
        lambda: engine.services.get("shop").version_figures["green"].requests > 40, "the figures", timeout=60
    )
    engine.endpoints.update_version("shop", "green", marks=Marks(is_default=True))
    engine.endpoints.delete_version("shop", "blue")
    assert engine.services.names() == ["shop", "shop-green"]
    assert share() == 40
    engine.services.delete("shop")
    assert engine.services.names() == []
