"""The objects with which KEDA's HTTP add-on ends the replicas of a service that nobody calls: pure functions.

The add-on's interceptor is a proxy: it counts requests, and holds those that come while no replica is ready.

    InterceptorRoute    which requests the interceptor sends to a service (HTTP add-on 0.14 and newer), and
    ScaledObject        how KEDA scales the Deployment with them: from 0 to the most replicas
    HTTPScaledObject    both in one (HTTP add-on 0.11 to 0.13), of which the add-on makes the ScaledObject
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlmagic.core.configuration import DeploymentConfig

ROUTE, SCALED_OBJECT, HTTP_SCALED_OBJECT = "InterceptorRoute", "ScaledObject", "HTTPScaledObject"
HTTP_GROUP, GROUP = "http.keda.sh", "keda.sh"
KINDS = (ROUTE, HTTP_SCALED_OBJECT, SCALED_OBJECT)
"""All kinds, in the order in which they are removed: of those that create others, these first."""
STARTUP_SECONDS = 30
"""So much longer than init() a start may take: for the node, the image and the first connection."""
_SPARE_SECONDS = 5

Object = dict[str, Any]
Seen = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AddOn:
    """KEDA's HTTP add-on as a cluster has it."""

    kind: str
    """The kind of its routes: `ROUTE`, or `HTTP_SCALED_OBJECT` in older versions."""
    scaler: str
    """HOST:PORT of the add-on's scaler, which KEDA asks how many requests there are."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many replicas run while a service is called."""

    most: int
    least: int = 0
    """With an autoscaler: fewer run only where none does. 0: no such bound."""


def idles(config: DeploymentConfig) -> bool:
    """Whether no replica runs while nobody calls."""
    return config.idle_timeout_seconds is not None


def path_of(namespace: str, name: str) -> str:
    """The path under which the interceptor gets the requests to a service."""
    return f"/{namespace}/{name}"


def objects_of(
    metadata: Seen, add_on: AddOn, config: DeploymentConfig, bounds: Bounds, *, path: str, port: int
) -> list[Object]:
    """The objects of the service that ``metadata`` names; ``port`` is that of its Service."""
    if add_on.kind == HTTP_SCALED_OBJECT:
        return [http_scaled_object(metadata, config, bounds, path=path, port=port)]
    return [route(metadata, config, path=path, port=port), scaled_object(metadata, add_on, config, bounds)]


def route(metadata: Seen, config: DeploymentConfig, *, path: str, port: int) -> Object:
    """The InterceptorRoute."""
    spec = {
        "target": {"service": metadata["name"], "port": port},
        "rules": [{"paths": [{"value": path}]}],
        "scalingMetric": {"concurrency": {"targetValue": concurrency(config)}},
        "timeouts": {
            "readiness": f"{start_seconds(config)}s",
            "responseHeader": f"{answer_seconds(config)}s",
        },
    }
    return {"apiVersion": f"{HTTP_GROUP}/v1beta1", "kind": ROUTE, "metadata": dict(metadata), "spec": spec}


def scaled_object(metadata: Seen, add_on: AddOn, config: DeploymentConfig, bounds: Bounds) -> Object:
    """The ScaledObject of an InterceptorRoute of the same name."""
    name = metadata["name"]
    trigger = {
        "type": "external-push",
        "metadata": {"scalerAddress": add_on.scaler, "interceptorRoute": name},
    }
    spec: Object = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicaCount": bounds.least,
        "maxReplicaCount": bounds.most,
        "cooldownPeriod": config.idle_timeout_seconds,
        "initialCooldownPeriod": config.idle_timeout_seconds,
        "triggers": [trigger],
    }
    if bounds.least:
        spec["idleReplicaCount"] = 0
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": SCALED_OBJECT,
        "metadata": dict(metadata),
        "spec": spec,
    }


def http_scaled_object(
    metadata: Seen, config: DeploymentConfig, bounds: Bounds, *, path: str, port: int
) -> Object:
    """The HTTPScaledObject, which has no least number of replicas besides 0."""
    name = metadata["name"]
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "service": name, "port": port}
    spec = {
        "pathPrefixes": [path],
        "scaleTargetRef": target,
        "replicas": {"min": 0, "max": bounds.most},
        "scaledownPeriod": config.idle_timeout_seconds,
        "initialCooldownPeriod": config.idle_timeout_seconds,
        "scalingMetric": {"concurrency": {"targetValue": concurrency(config)}},
        "timeouts": {
            "conditionWait": f"{start_seconds(config)}s",
            "responseHeader": f"{answer_seconds(config)}s",
        },
    }
    return {
        "apiVersion": f"{HTTP_GROUP}/v1alpha1",
        "kind": HTTP_SCALED_OBJECT,
        "metadata": dict(metadata),
        "spec": spec,
    }


def concurrency(config: DeploymentConfig) -> int:
    """How many requests a replica may work on at once; with more, KEDA adds another."""
    return config.replica_max_concurrent_requests or 1


def start_seconds(config: DeploymentConfig) -> int:
    """How long the interceptor holds a request until a replica is ready."""
    return config.init_timeout_seconds + STARTUP_SECONDS


def answer_seconds(config: DeploymentConfig) -> int:
    """How long a replica may take to answer: the server's own limits end sooner."""
    return math.ceil((config.scoring_timeout_ms + config.max_request_wait_time) / 1000) + _SPARE_SECONDS


def scaled(found: Seen, most: int) -> Object:
    """One of these objects with another greatest number of replicas; other objects as they are."""
    spec: Object = dict(found.get("spec") or {})
    if found["kind"] == SCALED_OBJECT:
        spec = {key: each for key, each in spec.items() if key != "idleReplicaCount"}
        spec |= {"minReplicaCount": 0, "maxReplicaCount": most}
    elif found["kind"] == HTTP_SCALED_OBJECT:
        spec |= {"replicas": {"min": 0, "max": most}}
    else:
        return dict(found)
    return {**found, "spec": spec}


def trouble_of(found: Mapping[str, Seen | None]) -> str:
    """Why KEDA does not scale a service, for people; empty while it does.

    ``found`` are the service's objects by kind: None for what is not there.
    """
    kind = ROUTE if found.get(ROUTE) is not None else HTTP_SCALED_OBJECT
    if found.get(kind) is None:
        return f"the {ROUTE} for KEDA was removed; the next update creates it"
    if kind == ROUTE and found.get(SCALED_OBJECT) is None:
        return f"the {SCALED_OBJECT} for KEDA was removed; the next update creates it"
    for each in (kind, SCALED_OBJECT):
        if words := _trouble_of_one(each, found.get(each)):
            return words
    return ""


def _trouble_of_one(kind: str, found: Seen | None) -> str:
    for condition in _conditions(found):
        reason = f"{condition.get('reason', '')}: {condition.get('message', '')}".strip(": ")
        if condition["type"] == "Ready" and condition["status"] == "False":
            return f"the {kind} for KEDA is not ready: {reason}"
        if condition["type"] == "Paused" and condition["status"] == "True":
            return f"the {kind} for KEDA is paused: {reason}"
    return ""


def _conditions(found: Seen | None) -> Iterable[Seen]:
    return ((found or {}).get("status") or {}).get("conditions") or ()
