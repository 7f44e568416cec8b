"""Endpoints in a Docker engine: the router and its versions are containers there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.webservice import State, Webservice
from mlmagic.engine.endpoints.version_request import Marks, VersionRequest
from mlmagic.engine.engine import Engine
from mlmagic.errors import UsageError
from mlmagic.targets.docker.engine import Engine as Docker
from tests.support.certificates import write_certificate
from tests.support.docker_engine import BASE_IMAGE, DockerEngine
from tests.support.engines import ON_DOCKER
from tests.support.keep_alive import Tally, keep_alive_clients
from tests.support.remote_docker import MACHINE
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

SCRIPT = "def init(): ...\ndef run(data): return '{name}'\n"
GREEN = {"azureml-model-deployment": "green"}


@pytest.fixture(autouse=True)
def nothing_is_left(docker: DockerEngine, engine: Engine) -> Iterator[None]:
    """When all is deleted, no container, volume or image of it is left."""
    yield
    for name in engine.services.names():
        if name in engine.services.names():
            engine.services.delete(name, of_endpoint=True)
    for listing in (["ps", "--all"], ["volume", "ls"], ["image", "ls"]):
        assert docker.docker(*listing, "--quiet", "--filter", "label=mlmagic.service") == "", listing


def inference(name: str) -> InferenceConfig:
    return InferenceConfig("score.py", script_text=SCRIPT.format(name=name))


def created(engine: Engine, **config: Any) -> Webservice:
    """An endpoint ``shop`` with the version ``blue``."""
    blue = VersionRequest((), inference("blue"), replace(ON_DOCKER, **config))
    return engine.services.wait(engine.endpoints.create("shop", "blue", blue), 240)


def with_green(engine: Engine, percent: float = 0, **config: Any) -> Webservice:
    """The same with a second version, ``green``."""
    shop = created(engine, **config)
    green = VersionRequest(inference=inference("green"))
    engine.services.wait(engine.endpoints.create_version("shop", "green", green, Marks(percent)), 240)
    return shop


def answers(engine: Engine, count: int, **more: Any) -> Counter[str]:
    """What so many requests to ``shop`` are answered."""
    uri = str(engine.services.get("shop").scoring_uri)
    with requests.Session() as session:
        return Counter(session.post(uri, data="1", timeout=20, **more).json() for _ in range(count))


def answers_green(engine: Engine, said: str = "green") -> bool:
    """Whether the router has an answer of the version ``green``, that of its script."""
    uri = str(engine.services.get("shop").scoring_uri)
    answer = requests.post(uri, data="1", headers=GREEN, timeout=20)
    return answer.status_code == 200 and answer.json() == said


def more(clients: Tally, count: int = 50) -> None:
    """Wait until they have got so many more answers."""
    before = clients.answered
    wait_for(lambda: clients.answered >= before + count, f"{count} more answers")


def answered_green(clients: Tally, count: int) -> int:
    """Of so many answers to all callers together, those of ``green``: the router counts them all."""
    before = Counter(clients.bodies)
    more(clients, count)
    return round(
        count * (clients.bodies[b'"green"'] - before[b'"green"']) / (clients.answered - before.total())
    )


def router_container(engine: Engine) -> str:
    return str((engine.services.get("shop").handle or {})["container"])


def test_the_router_is_a_container_and_loses_no_request(engine: Engine, docker: DockerEngine) -> None:
    shop = with_green(engine, 25)
    assert (shop.target, engine.services.get("shop-blue").target) == ("docker", "docker")
    assert docker.docker("ps", "--quiet", "--filter", "label=mlmagic.service=shop")
    wait_for(lambda: answers(engine, 40)["green"] == 10, "the shares at the router")
    with keep_alive_clients(str(shop.url)) as clients:
        for percent in (0, 50, 100, 25):
            engine.traffic.set("shop", {"green": percent})
            more(clients)
        wait_for(lambda: 90 <= answered_green(clients, 400) <= 110, "a quarter of all requests to green")
        red = VersionRequest(inference=inference("red"))
        engine.services.wait(engine.endpoints.update_version("shop", "green", red), 240)
        more(clients)
        engine.replicas.wait(engine.replicas.set("shop-green", 2), 120)
        more(clients)
        engine.services.wait(
            engine.services.update("shop", config_changes={"cors_origins": "https://a.example"}), 240
        )
        more(clients)
    assert clients.lost == []
    assert answers(engine, 10, headers=GREEN) == {"red": 10}
    wait_for(lambda: engine.services.get("shop").version_figures["green"].requests > 10, "the figures")
    log = "\n".join(engine.services.logs("shop"))
    assert "Traceback" not in log


def test_keys_and_certificate_are_the_endpoints(engine: Engine, docker: DockerEngine, tmp_path: Any) -> None:
    cert, key = tmp_path / "c.pem", tmp_path / "k.pem"
    write_certificate(cert, key, "localhost")
    shop = created(engine, auth_enabled=True, ssl_cert_pem_file=str(cert), ssl_key_pem_file=str(key))
    assert str(shop.url).startswith("https://")
    assert engine.requests.score("shop", 1) == "blue"
    uri = str(engine.services.get("shop-blue").scoring_uri)
    assert requests.post(uri, data="1", timeout=20).status_code == 401
    engine.keys.regenerate("shop-blue", "Primary")  # nobody needs it but the router
    wait_for(lambda: engine.requests.score("shop", 1) == "blue", "the router's new credential")
    container = router_container(engine)
    found = docker.docker("exec", container, "sh", "-c", "stat -c '%a %u' /var/mlmagic/*/routes.json")
    assert found.split() == ["600", "10001"]


def test_an_endpoint_and_its_versions_stop_and_start(engine: Engine) -> None:
    with_green(engine)
    engine.services.stop("shop-green")
    forced = requests.post(str(engine.services.get("shop").scoring_uri), data="1", headers=GREEN, timeout=20)
    assert forced.status_code == 503
    engine.services.wait(engine.services.start("shop-green"), 240)
    wait_for(lambda: answers_green(engine), "green")
    engine.services.stop("shop")
    assert {each.state for each in engine.services.list()} == {State.STOPPED}
    engine.services.wait(engine.services.start("shop"), 240)
    wait_for(lambda: answers_green(engine), "green")
    engine.endpoints.update_version("shop", "green", marks=Marks(is_default=True))
    engine.endpoints.delete_version("shop", "blue")
    assert engine.services.names() == ["shop", "shop-green"]
    assert answers(engine, 10) == {"green": 10}


def test_a_version_at_another_address_behind_the_same_port_is_found(
    engine: Engine, docker: DockerEngine
) -> None:
    # Its address is free again when the version is started anew, which takes it or one never used before.
    lodger = docker.docker("run", "--detach", BASE_IMAGE, "sleep", "900").strip()
    with_green(engine)
    docker.docker("rm", "--force", lodger)
    wait_for(lambda: answers_green(engine), "green")
    green = engine.services.get("shop-green")
    port = int(str(green.url).rpartition(":")[2])

    def address() -> str | None:
        return Docker.current().proxies.addresses().get(port)

    before = address()
    docker.docker("kill", str((green.handle or {})["proxy"]))
    wait_for(lambda: address() not in (None, before), "another address", timeout=60)
    # A request that is sent before the router knows it gets no answer: nobody has the old address.
    lost = (requests.RequestException,)
    wait_for(lambda: answers_green(engine), "green", timeout=120, ignoring=lost)
    assert engine.services.get("shop-green").url == green.url
    # The same for the router, which is launched with the routes that hold by then.
    docker.docker("kill", router_container(engine))
    wait_for(lambda: "SIGKILL" in str([each.message for each in engine.events.list()]), "its end")
    engine.services.wait(engine.services.get("shop"), 60)
    assert answers(engine, 10, headers=GREEN) == {"green": 10}


def test_a_router_of_this_machine_forwards_to_containers(engine: Engine) -> None:
    engine.services.wait(engine.services.deploy("svc", [], inference("one"), ON_DOCKER), 240)
    over = engine.endpoints.create_over("shop", {"first": "svc"}, DeploymentConfig("local"))
    assert engine.services.wait(over, 60).target == "local"
    assert answers(engine, 10) == {"one": 10}


def test_what_the_router_does_not_reach_is_refused(
    engine: Engine, docker: DockerEngine, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = DeploymentConfig("local")
    engine.services.wait(engine.services.deploy("svc", [], inference("one"), here), 60)
    with pytest.raises(UsageError, match=r"'svc' runs on local, where .* cannot reach it") as refused:
        engine.endpoints.create_over("shop", {"first": "svc"}, ON_DOCKER)
    assert "--target local" in str(refused.value.hint)
    assert engine.services.names() == ["svc"]

    monkeypatch.setenv("DOCKER_HOST", elsewhere)
    shop = with_green(engine, 50, auth_enabled=True)
    assert str(shop.url).startswith(f"http://{MACHINE}:")
    wait_for(lambda: engine.requests.score("shop", 1) == "green", "an answer of green")

    monkeypatch.setenv("DOCKER_HOST", docker.host)  # what is deployed now runs on another engine
    names = engine.services.names()
    with pytest.raises(UsageError, match=r"'svc' runs on local, where .* on docker \(tcp://"):
        engine.endpoints.attach("shop", "third", "svc")
    with pytest.raises(UsageError, match=r"runs on docker \(unix://.*\), where .* on docker \(tcp://"):
        engine.endpoints.create_version("shop", "red", VersionRequest(inference=inference("red")))
    with pytest.raises(UsageError, match=r"runs on docker \(unix://"):
        engine.services.update("shop-green", inference=inference("red"))
    assert engine.services.names() == names
    assert engine.endpoints.endpoint("shop").names == ["blue", "green"]
    monkeypatch.setenv("DOCKER_HOST", elsewhere)
