"""Services and endpoints behind a Gateway of a real cluster: its HTTPRoutes. It has no controller."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.webservice import State
from mlmagic.engine.endpoints.version_request import Marks, VersionRequest
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvalidConfig, MLMagicError
from tests.support.kubernetes import gateway_api
from tests.support.kubernetes_cluster import ON_KUBERNETES
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from tests.support.kubernetes.cluster import Cluster

# The first starts the cluster.
pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("services_end"), pytest.mark.timeout(900)]

SCRIPT = "def init(): ...\ndef run(data): return '{name}'\n"
THROUGH = replace(ON_KUBERNETES, compute_settings={"gateway": "infra/public"})


@pytest.fixture
def gateway(cluster: Cluster) -> Iterator[None]:
    with gateway_api.installed(cluster):
        yield


def inference(name: str) -> InferenceConfig:
    return InferenceConfig("score.py", script_text=SCRIPT.format(name=name))


def routes(cluster: Cluster) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = cluster.get("httproutes")["items"]
    return found


def shares(cluster: Cluster) -> Mapping[str, Any]:
    """The weights by service of the requests that name no version."""
    (found,) = routes(cluster)
    backends = found["spec"]["rules"][-1]["backendRefs"]
    return {each["name"]: each["weight"] for each in backends}


def wait_for_shares(cluster: Cluster, **wanted: int) -> None:
    expected = {name.replace("_", "-"): weight for name, weight in wanted.items()}
    wait_for(lambda: shares(cluster) == expected, lambda: f"{expected}, not {shares(cluster)}", timeout=60)


def wait_for_words(engine: Engine, words: str) -> None:
    def now() -> str:
        return engine.services.get("shop").words

    wait_for(lambda: words in now(), lambda: f"{words!r}, not {now()!r}", timeout=60)


def test_a_gateway_that_cannot_be_used_is_refused_before_anything_is_recorded(
    engine: Engine, cluster: Cluster
) -> None:
    def refusal(gateway: str) -> InvalidConfig:
        config = replace(ON_KUBERNETES, compute_settings={"gateway": gateway})
        with pytest.raises(InvalidConfig) as refused:
            engine.services.deploy("shop", [], inference("shop"), config)
        assert engine.services.names() == []
        return refused.value

    assert "no CustomResourceDefinition httproutes.gateway.networking.k8s.io" in str(refusal("public"))
    with gateway_api.installed(cluster):
        absent = refusal("public")
        assert "is no Gateway in namespace 'default'" in str(absent)
        assert "infra/public" in str(absent.hint)
        assert "must be NAME or NAMESPACE/NAME" in str(refusal("Public Gateway"))


@pytest.mark.usefixtures("gateway")
def test_the_traffic_of_an_endpoint_is_that_of_its_http_route(engine: Engine, cluster: Cluster) -> None:
    blue = VersionRequest((), inference("blue"), THROUGH)
    engine.services.wait(engine.endpoints.create("shop", "blue", blue), 300)
    engine.services.wait(
        engine.endpoints.create_version(
            "shop", "green", VersionRequest(inference=inference("green")), Marks(25)
        ),
        300,
    )
    wait_for_shares(cluster, shop_blue=75, shop_green=25)
    (route,) = routes(cluster)  # the versions have none
    assert route["metadata"]["name"] == "shop"
    assert route["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "mlmagic"
    assert route["metadata"]["labels"]["mlmagic.service"] == "shop"
    assert {each["manager"] for each in route["metadata"]["managedFields"]} == {"mlmagic"}
    assert route["spec"]["parentRefs"] == [{"name": "public", "namespace": "infra"}]
    named = {
        rule["matches"][0]["headers"][0]["value"]: rule["backendRefs"][0]["name"]
        for rule in route["spec"]["rules"][:-1]
    }
    assert named == {"blue": "shop-blue", "green": "shop-green"}

    wait_for_words(engine, "; Gateway infra/public has not accepted the HTTPRoute yet")
    gateway_api.write_status("Gateway", "infra", "public", {"addresses": [{"value": "203.0.113.7"}]})
    conditions = [{"type": "Accepted", "status": "True", "reason": "Accepted"}]
    parent = {"parentRef": {"name": "public", "namespace": "infra"}, "controllerName": "tests"}
    accepted = {"parents": [{**parent, "conditions": conditions}]}
    gateway_api.write_status("HTTPRoute", "default", "shop", accepted)
    wait_for_words(engine, "; callable at http://203.0.113.7/shop/score through Gateway infra/public")
    conditions[0].update(status="False", reason="NotAllowedByListeners", message="not from here")
    gateway_api.write_status("HTTPRoute", "default", "shop", accepted)
    wait_for_words(engine, "does not accept the HTTPRoute: NotAllowedByListeners: not from here")

    engine.traffic.set("shop", {"green": 99.5})
    wait_for_shares(cluster, shop_blue=5, shop_green=995)
    engine.endpoints.update_version("shop", "blue", marks=Marks(shadow_percentile=10))
    wait_for_shares(cluster, shop=1)  # the router copies the requests
    engine.endpoints.update_version("shop", "blue", marks=Marks(shadow_percentile=0))
    wait_for_shares(cluster, shop_blue=5, shop_green=995)
    engine.traffic.stick("shop", "client")
    wait_for_shares(cluster, shop=1)
    engine.traffic.stick("shop", None)
    engine.traffic.roll_out("shop", "blue", step=10, every=600, guard="errors<1%")
    wait_for_shares(cluster, shop=1)
    engine.traffic.stop_rollout("shop", revert=True)
    wait_for_shares(cluster, shop_blue=5, shop_green=995)
    engine.services.stop("shop")
    assert routes(cluster) == []
    engine.services.start("shop")
    wait_for(lambda: engine.services.get("shop").state is State.HEALTHY, "the endpoint again", timeout=120)
    wait_for_shares(cluster, shop_blue=5, shop_green=995)

    # The router checks keys, and versions that have none are not called past it.
    engine.services.wait(
        engine.services.update("shop", config_changes={"auth_enabled": True, "without_auth": False}), 300
    )
    wait_for_shares(cluster, shop=1)
    engine.traffic.set("shop", {"green": 50})
    wait_for_words(engine, "1 of 1 replica ready")
    assert shares(cluster) == {"shop": 1}
    engine.services.wait(engine.services.update("shop", config_changes={"compute_settings": {}}), 300)
    assert routes(cluster) == []
    engine.services.wait(
        engine.services.update("shop", config_changes={"compute_settings": THROUGH.compute_settings}), 300
    )
    wait_for_shares(cluster, shop=1)
    engine.services.delete("shop")
    assert routes(cluster) == []


@pytest.mark.usefixtures("gateway")
def test_a_plain_service_has_a_route_and_that_of_somebody_else_is_not_touched(
    engine: Engine, cluster: Cluster
) -> None:
    theirs = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "theirs"},
        "spec": {"parentRefs": [{"name": "public"}], "rules": []},
    }
    cluster.kubectl("apply", "-f", "-", given=json.dumps(theirs))
    with pytest.raises(MLMagicError, match="has a HTTPRoute 'theirs' that was not created by mlmagic"):
        engine.services.wait(engine.services.deploy("theirs", [], inference("theirs"), THROUGH), 300)
    engine.services.delete("theirs")
    (route,) = routes(cluster)
    assert route["spec"]["rules"] == []
    cluster.kubectl("delete", "httproute", "theirs")

    engine.services.wait(engine.services.deploy("shop", [], inference("shop"), THROUGH), 300)
    assert shares(cluster) == {"shop": 1}
    failing = InferenceConfig("score.py", script_text="def init(): 1 / 0\ndef run(data): ...\n")
    with pytest.raises(MLMagicError):  # what served before goes on, with its route
        engine.services.wait(
            engine.services.update("shop", inference=failing, config_changes={"compute_settings": {}}), 300
        )
    wait_for_shares(cluster, shop=1)
    engine.services.delete("shop")
    assert routes(cluster) == []
