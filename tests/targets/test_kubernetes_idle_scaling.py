"""KEDA's HTTP add-on: the objects of a service with an idle timeout, and what is true of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.webservice import Observation, Phase
from mlmagic.targets.kubernetes import idle_scaling, objects, observation, records
from mlmagic.targets.kubernetes.idle_scaling import (
    HTTP_SCALED_OBJECT,
    ROUTE,
    SCALED_OBJECT,
    AddOn,
    trouble_of,
)
from mlmagic.targets.kubernetes.interceptors import with_port
from mlmagic.targets.kubernetes.objects import Workload
from mlmagic.targets.kubernetes.observation import IDLE, Seen

CONFIG = DeploymentConfig(
    "kubernetes",
    without_auth=True,
    idle_timeout_seconds=600,
    init_timeout_seconds=90,
    scoring_timeout_ms=20_500,
    max_request_wait_time=500,
)
AUTOSCALED = replace(
    CONFIG,
    compute_settings={"autoscale_enabled": True, "autoscale_min_replicas": 2, "autoscale_max_replicas": 6},
)
NEW, OLD = AddOn(ROUTE, "scaler.keda:9090"), AddOn(HTTP_SCALED_OBJECT, "scaler.keda:9090")


def objects_of(config: DeploymentConfig, add_on: AddOn | None) -> dict[str, Mapping[str, Any]]:
    workload = Workload("shop", "image:1", config, add_on=add_on, path="/team/shop", labels={"mine": "yes"})
    return {each["kind"]: each for each in objects.objects_of(workload)}


@pytest.mark.parametrize(
    ("config", "add_on", "kinds"),
    [
        (CONFIG, None, []),
        (CONFIG, NEW, [ROUTE, SCALED_OBJECT]),
        (CONFIG, OLD, [HTTP_SCALED_OBJECT]),
        (AUTOSCALED, NEW, ["PodDisruptionBudget", ROUTE, SCALED_OBJECT]),
        (replace(CONFIG, num_replicas=3), NEW, ["PodDisruptionBudget", ROUTE, SCALED_OBJECT]),
    ],
)
def test_which_objects_there_are_and_no_autoscaler_of_ours(
    config: DeploymentConfig, add_on: AddOn | None, kinds: Sequence[str]
) -> None:
    found = objects_of(config, add_on)
    assert list(found) == ["Service", "Deployment", *kinds]
    assert ("replicas" in found["Deployment"]["spec"]) is (add_on is None)
    for each in found.values():
        assert each["metadata"]["name"] == "shop"
        assert each["metadata"]["labels"]["mine"] == "yes"


def test_the_route_sends_what_is_below_the_path_to_the_service() -> None:
    found = objects_of(replace(CONFIG, replica_max_concurrent_requests=4), NEW)[ROUTE]
    assert found["apiVersion"] == "http.keda.sh/v1beta1"
    assert found["spec"] == {
        "target": {"service": "shop", "port": 80},
        "rules": [{"paths": [{"value": "/team/shop"}]}],
        "scalingMetric": {"concurrency": {"targetValue": 4}},
        "timeouts": {"readiness": "120s", "responseHeader": "26s"},
    }


@pytest.mark.parametrize(
    ("config", "bounds"),
    [
        (CONFIG, {"minReplicaCount": 0, "maxReplicaCount": 1}),
        (replace(CONFIG, num_replicas=3), {"minReplicaCount": 0, "maxReplicaCount": 3}),
        (AUTOSCALED, {"minReplicaCount": 2, "maxReplicaCount": 6, "idleReplicaCount": 0}),
    ],
)
def test_keda_scales_within_the_bounds_and_to_zero_after_the_idle_timeout(
    config: DeploymentConfig, bounds: Mapping[str, int]
) -> None:
    found = objects_of(config, NEW)[SCALED_OBJECT]
    assert found["apiVersion"] == "keda.sh/v1alpha1"
    assert found["spec"] == {
        **bounds,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
        "cooldownPeriod": 600,
        "initialCooldownPeriod": 600,
        "triggers": [
            {
                "type": "external-push",
                "metadata": {"scalerAddress": "scaler.keda:9090", "interceptorRoute": "shop"},
            }
        ],
    }


@pytest.mark.parametrize(("config", "most"), [(CONFIG, 1), (AUTOSCALED, 6)])
def test_older_versions_of_the_add_on_have_one_object(config: DeploymentConfig, most: int) -> None:
    found = objects_of(config, OLD)[HTTP_SCALED_OBJECT]
    assert found["apiVersion"] == "http.keda.sh/v1alpha1"
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop", "service": "shop", "port": 80}
    assert found["spec"] == {
        "pathPrefixes": ["/team/shop"],
        "scaleTargetRef": target,
        "replicas": {"min": 0, "max": most},
        "scaledownPeriod": 600,
        "initialCooldownPeriod": 600,
        "scalingMetric": {"concurrency": {"targetValue": 1}},
        "timeouts": {"conditionWait": "120s", "responseHeader": "26s"},
    }


@pytest.mark.parametrize(("config", "add_on"), [(CONFIG, NEW), (CONFIG, OLD), (AUTOSCALED, NEW)])
def test_another_number_of_replicas_is_the_most_that_run(config: DeploymentConfig, add_on: AddOn) -> None:
    before = objects_of(config, add_on)
    after = {each["kind"]: each for each in records.scaled(before.values(), 4)}
    as_if_given = objects_of(replace(CONFIG, num_replicas=4), add_on)
    for kind, each in after.items():
        changes = kind in (SCALED_OBJECT, HTTP_SCALED_OBJECT)
        assert each == (as_if_given if changes else before)[kind]


# -- what is true of it -----------------------------------------------------------------------------------

URL = "http://10.0.0.1:8080/team/shop"
POD = {"metadata": {"name": "shop-1", "labels": {"mlmagic.key": "k"}}, "spec": {"containers": []}}


def deployment(replicas: int, *, is_complete: bool = True) -> Mapping[str, Any]:
    progress = {"type": "Progressing", "status": "True"}
    reason = "NewReplicaSetAvailable" if is_complete else "ReplicaSetUpdated"
    return {
        "metadata": {"name": "shop", "generation": 2},
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": {"mlmagic.key": "k"}}}},
        "status": {"observedGeneration": 2, "conditions": [{**progress, "reason": reason}]},
    }


def pod(*, ready: bool = False, **container: Any) -> Mapping[str, Any]:
    conditions = [{"type": "Ready", "status": str(ready)}]
    statuses = [{"name": "server", "restartCount": 0, "state": {"waiting": {}}, **container}]
    return {**POD, "status": {"conditions": conditions, "containerStatuses": statuses}}


RUNS = {"state": {"running": {}}, "started": True}
STARTS = {"state": {"running": {}}, "started": False}
CRASHED = {"state": {"running": {}}, "restartCount": 1, "lastState": {"terminated": {"exitCode": 3}}}


@pytest.mark.parametrize(
    ("seen", "url", "wanted"),
    [
        (Seen(deployment(0), idles=True), URL, Observation(Phase.RUNNING, URL, 0, IDLE, idle=True)),
        # A pod that ends does not count.
        (
            Seen(deployment(0), [pod(ready=True, **RUNS)], idles=True),
            URL,
            Observation(Phase.RUNNING, URL, 0, IDLE, idle=True),
        ),
        (
            Seen(deployment(0), idles=True, trouble="the ScaledObject is paused"),
            URL,
            Observation(Phase.RUNNING, URL, 0, "the ScaledObject is paused"),
        ),
        (
            Seen(deployment(0), idles=True),
            None,
            Observation(
                Phase.RUNNING,
                None,
                0,
                "the interceptor of KEDA's HTTP add-on was not found, or has no address yet",
            ),
        ),
        (Seen(deployment(1), idles=True), URL, Observation(Phase.STARTING, URL, 0, "a request starts it")),
        (
            Seen(deployment(1), [pod()], idles=True),
            URL,
            Observation(Phase.STARTING, URL, 0, "a request starts it: starting the container"),
        ),
        (
            Seen(deployment(1), [pod(**STARTS)], idles=True),
            URL,
            Observation(Phase.STARTING, URL, 0, "a request starts it: running init()"),
        ),
        (
            Seen(deployment(1), [pod(ready=True, **RUNS)], idles=True),
            URL,
            Observation(Phase.RUNNING, URL, 1, "1 of 1 replica ready"),
        ),
        (
            Seen(deployment(1), [pod(ready=True, **RUNS)], idles=True, trouble="it is paused"),
            URL,
            Observation(Phase.RUNNING, URL, 1, "1 of 1 replica ready; it is paused"),
        ),
        # One that was up, or has crashed, does not start: it is probed.
        (
            Seen(deployment(1), [pod(**RUNS)], idles=True),
            URL,
            Observation(Phase.RUNNING, URL, 0, "0 of 1 replica ready"),
        ),
        (
            Seen(deployment(1), [pod(**CRASHED)], idles=True),
            URL,
            Observation(
                Phase.RUNNING,
                URL,
                0,
                "0 of 1 replica ready; restarting: the container exited with code 3",
            ),
        ),
        # Without an idle timeout, somebody else has scaled it.
        (Seen(deployment(0)), URL, Observation(Phase.RUNNING, URL, 0, "0 of 0 replicas ready")),
    ],
)
def test_what_is_true_of_a_service_that_idles(seen: Seen, url: str | None, wanted: Observation) -> None:
    assert observation.observe(seen, "k", url) == wanted


def test_a_revision_that_is_not_rolled_out_is_not_idle() -> None:
    seen = Seen(deployment(0, is_complete=False), idles=True)
    assert observation.observe(seen, "k", URL).phase is Phase.STARTING


def with_conditions(*conditions: tuple[str, str]) -> Mapping[str, Any]:
    listed = [
        {"type": kind, "status": status, "reason": "Broken", "message": "no scaler"}
        for kind, status in conditions
    ]
    return {"status": {"conditions": listed}}


GOOD = with_conditions(("Ready", "True"), ("Paused", "False"))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({ROUTE: GOOD, SCALED_OBJECT: GOOD}, ""),
        ({ROUTE: {}, SCALED_OBJECT: {}}, ""),
        ({HTTP_SCALED_OBJECT: GOOD, SCALED_OBJECT: None}, ""),
        ({ROUTE: None, HTTP_SCALED_OBJECT: GOOD, SCALED_OBJECT: GOOD}, ""),
        (
            {ROUTE: None, SCALED_OBJECT: GOOD},
            "the InterceptorRoute for KEDA was removed; the next update creates it",
        ),
        (
            {ROUTE: GOOD, SCALED_OBJECT: None},
            "the ScaledObject for KEDA was removed; the next update creates it",
        ),
        (
            {ROUTE: with_conditions(("Ready", "False")), SCALED_OBJECT: GOOD},
            "the InterceptorRoute for KEDA is not ready: Broken: no scaler",
        ),
        (
            {ROUTE: GOOD, SCALED_OBJECT: with_conditions(("Ready", "False"))},
            "the ScaledObject for KEDA is not ready: Broken: no scaler",
        ),
        (
            {HTTP_SCALED_OBJECT: GOOD, SCALED_OBJECT: with_conditions(("Paused", "True"))},
            "the ScaledObject for KEDA is paused: Broken: no scaler",
        ),
        (
            {HTTP_SCALED_OBJECT: with_conditions(("Ready", "False"))},
            "the HTTPScaledObject for KEDA is not ready: Broken: no scaler",
        ),
    ],
)
def test_why_keda_does_not_scale_a_service(found: Mapping[str, Any], words: str) -> None:
    assert trouble_of(found) == words


def test_the_interceptor_is_the_service_with_its_port_in_the_usual_namespace() -> None:
    def service(namespace: str, *ports: str) -> Mapping[str, Any]:
        listed = [{"name": name, "port": 8080 + number} for number, name in enumerate(ports)]
        return {"metadata": {"namespace": namespace, "name": "it"}, "spec": {"ports": listed}}

    services = [service("a", "admin"), service("b", "proxy"), service("keda", "proxy-tls", "proxy")]
    found = with_port(services, "proxy")
    assert [each["metadata"]["namespace"] for each in found] == ["keda", "b"]
    assert found[0]["spec"]["ports"] == [{"name": "proxy", "port": 8081}]


@pytest.mark.parametrize(("given", "idles"), [(None, False), (1, True)])
def test_a_service_idles_with_an_idle_timeout(given: int | None, idles: bool) -> None:
    assert idle_scaling.idles(replace(CONFIG, idle_timeout_seconds=given)) is idles
