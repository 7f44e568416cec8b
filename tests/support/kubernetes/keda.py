"""KEDA and its HTTP add-on in the tests' cluster: the definitions of their kinds, and the add-on's Services.

KEDA itself is not there: see `http_add_on` for what takes its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.support.kubernetes.definitions import (
    CONDITION,
    INTEGER,
    STRING,
    a_list,
    an_object,
    definition,
    keyed,
)

if TYPE_CHECKING:
    from tests.support.kubernetes.cluster import Cluster

NAMESPACE = "keda"
PROXY = "keda-add-ons-http-interceptor-proxy"
_STATUS = an_object(conditions=keyed("type", CONDITION))
_CONCURRENCY = an_object(concurrency=an_object(targetValue={**INTEGER, "minimum": 1}))
_SCALED = {
    **an_object(apiVersion=STRING, kind=STRING, name=STRING, service=STRING, port=INTEGER),
    "required": ["name"],
}
_ROUTE = {
    **an_object(
        target={**an_object(service=STRING, port=INTEGER), "required": ["service"]},
        rules=a_list(an_object(paths=a_list({**an_object(value=STRING), "required": ["value"]}))),
        scalingMetric=_CONCURRENCY,
        timeouts=an_object(readiness=STRING, responseHeader=STRING),
    ),
    "required": ["target", "scalingMetric"],
}
_HTTP_SCALED_OBJECT = {
    **an_object(
        pathPrefixes=a_list(STRING),
        scaleTargetRef=_SCALED,
        replicas=an_object(min=INTEGER, max=INTEGER),
        scaledownPeriod=INTEGER,
        initialCooldownPeriod=INTEGER,
        scalingMetric=_CONCURRENCY,
        timeouts=an_object(conditionWait=STRING, responseHeader=STRING),
    ),
    "required": ["scaleTargetRef"],
}
_TRIGGER = {
    **an_object(type=STRING, metadata={"type": "object", "additionalProperties": STRING}),
    "required": ["type", "metadata"],
}
_SCALED_OBJECT = {
    **an_object(
        scaleTargetRef=_SCALED,
        minReplicaCount=INTEGER,
        maxReplicaCount=INTEGER,
        idleReplicaCount=INTEGER,
        cooldownPeriod=INTEGER,
        initialCooldownPeriod=INTEGER,
        triggers=a_list(_TRIGGER),
    ),
    "required": ["scaleTargetRef", "triggers"],
}
ROUTE = definition("http.keda.sh", "v1beta1", "InterceptorRoute", an_object(spec=_ROUTE, status=_STATUS))
HTTP_SCALED_OBJECT = definition(
    "http.keda.sh", "v1alpha1", "HTTPScaledObject", an_object(spec=_HTTP_SCALED_OBJECT, status=_STATUS)
)
SCALED_OBJECT = definition(
    "keda.sh", "v1alpha1", "ScaledObject", an_object(spec=_SCALED_OBJECT, status=_STATUS)
)
KNATIVE = definition("serving.knative.dev", "v1", "Service", an_object(spec=an_object(), status=_STATUS))
NEW, OLD = (ROUTE, SCALED_OBJECT), (HTTP_SCALED_OBJECT, SCALED_OBJECT)
"""The kinds that the newer and the older versions of the add-on need."""


@contextmanager
def services(cluster: Cluster, address: str, port: int) -> Iterator[None]:
    """The add-on's Services; that of the interceptor leads to this address, outside the cluster."""
    cluster.kubectl("create", "namespace", NAMESPACE)
    try:
        endpoint = {"addresses": [{"ip": address}], "ports": [{"name": "proxy", "port": port}]}
        items = [
            service(PROXY, "interceptor", {"name": "proxy", "port": 8080}, "NodePort"),
            {
                "apiVersion": "v1",
                "kind": "Endpoints",
                "metadata": {"name": PROXY, "namespace": NAMESPACE},
                "subsets": [endpoint],
            },
            service("keda-add-ons-http-external-scaler", "scaler", {"name": "grpc", "port": 9090}),
        ]
        cluster.kubectl(
            "apply", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        )
        yield
    finally:
        cluster.kubectl("delete", "namespace", NAMESPACE)


def service(name: str, part: str, port: dict[str, Any], kind: str = "ClusterIP") -> dict[str, Any]:
    """A Service with the labels that both the Helm chart and the project's manifests give it."""
    labels = {"app.kubernetes.io/name": "http-add-on", "app.kubernetes.io/component": part}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {"type": kind, "ports": [port]},
    }
