"""Services with an idle timeout in a real cluster, where a stand-in takes the place of KEDA's HTTP add-on."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import requests

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.webservice import State, Webservice
from mlmagic.engine.endpoints.version_request import VersionRequest
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvalidConfig, MLMagicError
from mlmagic.targets.kubernetes import connection
from mlmagic.targets.kubernetes.api import Api
from mlmagic.targets.kubernetes.observation import IDLE
from tests.support.kubernetes import definitions, http_add_on, keda
from tests.support.kubernetes.http_add_on import HttpAddOn
from tests.support.kubernetes_cluster import ON_KUBERNETES
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from tests.support.kubernetes.cluster import Cluster

# The first starts the cluster.
pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("services_end"), pytest.mark.timeout(900)]

SCRIPT = "def init(): ...\ndef run(data): return '{name}'\n"
IDLES = replace(ON_KUBERNETES, idle_timeout_seconds=2)
_LONG = 120.0
WAKE_UPS, CALLERS = 30, 4


@pytest.fixture
def add_on(cluster: Cluster) -> Iterator[HttpAddOn]:
    with definitions.installed(cluster, keda.NEW), http_add_on.running(cluster) as found:
        yield found


@pytest.fixture
def old_add_on(cluster: Cluster) -> Iterator[HttpAddOn]:
    with definitions.installed(cluster, keda.OLD), http_add_on.running(cluster) as found:
        yield found


def inference(name: str) -> InferenceConfig:
    return InferenceConfig("score.py", script_text=SCRIPT.format(name=name))


def deployed(engine: Engine, name: str = "svc", config: DeploymentConfig = IDLES) -> Webservice:
    return engine.services.wait(engine.services.deploy(name, [], inference("one"), config), 300)


def replicas(cluster: Cluster, name: str = "svc") -> int:
    return int(cluster.get("deployment", name)["spec"]["replicas"])


def wait_for_words(engine: Engine, words: str, name: str = "svc") -> Webservice:
    def now() -> Webservice:
        return engine.services.get(name)

    wait_for(lambda: words in now().words, lambda: f"{words!r}, not {now()}", timeout=_LONG)
    return now()


def objects(cluster: Cluster) -> set[str]:
    """The objects for KEDA that there are, as KIND/NAME."""
    kinds = "interceptorroutes,httpscaledobjects,scaledobjects"
    names = cluster.kubectl("api-resources", "-o", "name").split()
    served = [each for each in kinds.split(",") if any(name.startswith(f"{each}.") for name in names)]
    return {
        each.replace(".http.keda.sh", "").replace(".keda.sh", "")
        for each in cluster.kubectl("get", ",".join(served), "-o", "name").split()
    }


def asked(url: str) -> Any:
    answer = requests.post(f"{url}/score", data="1", timeout=_LONG)
    assert answer.status_code == 200, (answer.status_code, answer.text)
    return answer.json()


def refusal(engine: Engine, config: DeploymentConfig) -> InvalidConfig:
    with pytest.raises(InvalidConfig) as refused:
        engine.services.deploy("svc", [], inference("one"), config)
    assert engine.services.names() == []
    return refused.value


def test_a_cluster_without_the_add_on_refuses_before_anything_is_recorded(
    engine: Engine, cluster: Cluster
) -> None:
    refused = refusal(engine, IDLES)
    assert "no CustomResourceDefinition interceptorroutes.http.keda.sh" in str(refused)
    assert "Install the add-on" in str(refused.hint)
    assert "--target local" in str(refused.hint)
    assert "knative" not in str(refused.hint)
    with definitions.installed(cluster, [keda.KNATIVE]):
        assert "%package MODEL --kind knative --idle-timeout 2 --save DIR" in str(refusal(engine, IDLES).hint)
    with definitions.installed(cluster, [keda.ROUTE]):
        assert "no CustomResourceDefinition scaledobjects.keda.sh" in str(refusal(engine, IDLES))
    through = {"compute_settings": {"gateway": "infra/public"}}
    with definitions.installed(cluster, keda.NEW):
        assert "no namespace has a Service with the labels" in str(refusal(engine, IDLES))
        assert "excludes an idle timeout" in str(refusal(engine, replace(IDLES, **through)))
        with keda.services(cluster, "192.0.2.1", 8080):
            inside = json.dumps({"spec": {"type": "ClusterIP", "ports": [{"port": 8080, "nodePort": None}]}})
            cluster.kubectl("patch", "service", keda.PROXY, "-n", keda.NAMESPACE, "-p", inside)
            refused = refusal(engine, IDLES)
            assert "has the type ClusterIP" in str(refused)
            assert f"kubectl patch service {keda.PROXY} -n keda" in str(refused.hint)


def test_a_service_sleeps_wakes_is_updated_and_leaves_nothing(
    engine: Engine, cluster: Cluster, add_on: HttpAddOn
) -> None:
    service = deployed(engine)
    assert service.state is State.HEALTHY
    assert str(service.url).endswith("/default/svc")
    assert objects(cluster) == {"interceptorroute/svc", "scaledobject/svc"}
    asleep = wait_for_words(engine, IDLE)
    assert (asleep.state, replicas(cluster)) == (State.HEALTHY, 0)
    wait_for(lambda: engine.services.get("svc").stats["replicas"] == 0, "the figures")

    # A supervisor leaves it asleep.
    wakes, looks = add_on.wakes, add_on.looks
    wait_for(lambda: add_on.looks > looks + 30, "time in which it could be started")
    assert (add_on.wakes, replicas(cluster)) == (wakes, 0)

    assert engine.requests.score("svc", 1) == "one"
    assert add_on.wakes == wakes + 1
    awake = wait_for_words(engine, "1 of 1 replica ready")
    assert awake.state is State.HEALTHY
    document = requests.get(str(awake.swagger_uri), timeout=_LONG).json()
    assert "/default/svc/score" in document["paths"]
    assert requests.get(str(awake.docs_uri), timeout=_LONG).status_code == 200
    wait_for_words(engine, IDLE)

    # An update is tried although nobody calls, and so is one that fails.
    updated = engine.services.wait(engine.services.update("svc", inference=inference("two")), 300)
    assert (updated.state, asked(str(updated.url))) == (State.HEALTHY, "two")
    wait_for_words(engine, IDLE)
    failing = InferenceConfig("score.py", script_text="def init(): 1 / 0\ndef run(data): ...\n")
    with pytest.raises(MLMagicError, match="division by zero"):
        engine.services.wait(engine.services.update("svc", inference=failing), 300)
    assert asked(str(updated.url)) == "two"
    back = engine.services.wait(engine.services.rollback("svc").service, 300)
    assert (back.state, asked(str(back.url))) == (State.HEALTHY, "one")
    wait_for_words(engine, IDLE)

    engine.services.stop("svc")
    assert objects(cluster) == set()
    engine.services.start("svc")
    wait_for(lambda: engine.services.get("svc").state is State.HEALTHY, "the service again", timeout=_LONG)
    assert objects(cluster) == {"interceptorroute/svc", "scaledobject/svc"}
    wait_for_words(engine, IDLE)

    # The load decides how many replicas run of those that are wanted.
    assert asked(str(back.url)) == "one"
    engine.replicas.wait(engine.replicas.set("svc", 3), _LONG)
    wait_for(
        lambda: cluster.get("scaledobject", "svc")["spec"]["maxReplicaCount"] == 3,
        "the bounds",
        timeout=_LONG,
    )
    wait_for_words(engine, IDLE)

    plain = engine.services.wait(
        engine.services.update("svc", config_changes={"idle_timeout_seconds": None, "num_replicas": 1}), 300
    )
    assert objects(cluster) == set()
    assert not str(plain.url).endswith("/default/svc")
    assert (replicas(cluster), asked(str(plain.url))) == (1, "one")
    engine.services.wait(engine.services.update("svc", config_changes={"idle_timeout_seconds": 2}), 300)
    wait_for_words(engine, IDLE)
    engine.services.delete("svc")
    assert objects(cluster) == set()


def test_no_request_is_lost_while_a_service_sleeps_and_wakes(
    engine: Engine, cluster: Cluster, add_on: HttpAddOn
) -> None:
    url = str(deployed(engine, config=replace(IDLES, idle_timeout_seconds=1)).url)
    answers: list[Any] = []
    with ThreadPoolExecutor(CALLERS) as callers:
        for _ in range(WAKE_UPS):
            wait_for(lambda: replicas(cluster) == 0, "no replica", timeout=_LONG)
            together = threading.Barrier(CALLERS)

            def call(together: threading.Barrier = together) -> Any:
                together.wait()
                return asked(url)

            answers += [each.result() for each in [callers.submit(call) for _ in range(CALLERS)]]
    assert set(answers) == {"one"}
    assert len(answers) >= (WAKE_UPS - 1) * CALLERS  # the deployment itself may have needed one
    # A probe may have met the pod while it ended.
    wait_for(lambda: engine.services.get("svc").state is State.HEALTHY, "the state afterwards", timeout=_LONG)


def test_an_autoscaler_gives_way_to_keda_and_comes_back(
    engine: Engine, cluster: Cluster, add_on: HttpAddOn
) -> None:
    def autoscalers() -> list[str]:
        return [each["metadata"]["name"] for each in cluster.get("hpa")["items"]]

    scales = {"autoscale_enabled": True, "autoscale_min_replicas": 1, "autoscale_max_replicas": 4}
    deployed(engine, config=replace(ON_KUBERNETES, compute_settings=scales))
    assert autoscalers() == ["svc"]
    idle = engine.services.update("svc", config_changes={"idle_timeout_seconds": 2})
    engine.services.wait(idle, 300)
    assert autoscalers() == []
    bounds = cluster.get("scaledobject", "svc")["spec"]
    assert (bounds["idleReplicaCount"], bounds["minReplicaCount"], bounds["maxReplicaCount"]) == (0, 1, 4)
    wait_for_words(engine, IDLE)
    back = engine.services.update("svc", config_changes={"idle_timeout_seconds": None})
    engine.services.wait(back, 300)
    assert (autoscalers(), objects(cluster)) == (["svc"], set())
    assert replicas(cluster) >= 1
    assert add_on.conflicts == set()


def test_words_of_keda_are_shown_and_objects_of_others_are_not_touched(
    engine: Engine, cluster: Cluster, add_on: HttpAddOn
) -> None:
    theirs: Mapping[str, Any] = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "theirs"},
        "spec": {"scaleTargetRef": {"name": "other"}, "triggers": []},
    }
    cluster.kubectl("apply", "-f", "-", given=json.dumps(theirs))
    with pytest.raises(MLMagicError, match="has a ScaledObject 'theirs' that was not created by mlmagic"):
        deployed(engine, "theirs")
    engine.services.delete("theirs")
    deployed(engine, "theirs", ON_KUBERNETES)
    engine.services.delete("theirs")
    assert objects(cluster) == {"scaledobject/theirs"}
    cluster.kubectl("delete", "scaledobject", "theirs")

    deployed(engine)
    wait_for_words(engine, IDLE)
    condition = {"type": "Ready", "status": "False", "reason": "Broken", "message": "no scaler"}
    Api.at(connection.current()).patch(
        "ScaledObject", "default", "svc", {"status": {"conditions": [condition]}}, "status"
    )
    wait_for_words(engine, "the ScaledObject for KEDA is not ready: Broken: no scaler")
    wait_for(lambda: engine.services.get("svc").state is State.UNHEALTHY, "the state", timeout=_LONG)
    condition["status"] = "True"
    Api.at(connection.current()).patch(
        "ScaledObject", "default", "svc", {"status": {"conditions": [condition]}}, "status"
    )
    assert wait_for_words(engine, IDLE).state is State.HEALTHY
    with pytest.raises(InvalidConfig, match="excludes an idle timeout"):
        engine.services.update("svc", config_changes={"compute_settings": {"gateway": "infra/public"}})


def test_a_version_of_an_endpoint_sleeps_and_the_router_wakes_it(
    engine: Engine, cluster: Cluster, add_on: HttpAddOn
) -> None:
    shop = engine.services.wait(
        engine.endpoints.create("shop", "blue", VersionRequest((), inference("blue"), IDLES)), 300
    )
    wait_for_words(engine, IDLE, "shop-blue")
    assert objects(cluster) == {"interceptorroute/shop-blue", "scaledobject/shop-blue"}
    assert asked(str(shop.url)) == "blue"
    wait_for_words(engine, IDLE, "shop-blue")
    assert asked(str(shop.url)) == "blue"


def test_an_older_add_on_has_one_object(engine: Engine, cluster: Cluster, old_add_on: HttpAddOn) -> None:
    service = deployed(engine)
    wait_for_words(engine, IDLE)
    assert objects(cluster) == {"httpscaledobject/svc", "scaledobject/svc"}
    assert asked(str(service.url)) == "one"
    updated = engine.services.wait(engine.services.update("svc", inference=inference("two")), 300)
    assert (updated.state, asked(str(updated.url))) == (State.HEALTHY, "two")
    assert objects(cluster) == {"httpscaledobject/svc", "scaledobject/svc"}
    engine.services.wait(engine.services.update("svc", config_changes={"idle_timeout_seconds": None}), 300)
    assert objects(cluster) == set()
    assert replicas(cluster) == 1
