"""The Gateway API in the tests' cluster: its definitions, and a Gateway that has no controller."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlmagic.targets.kubernetes import connection
from mlmagic.targets.kubernetes.api import Api
from tests.support.kubernetes.definitions import (
    CONDITION,
    INTEGER,
    STRING,
    a_list,
    an_object,
    definition,
    keyed,
)
from tests.support.kubernetes.definitions import installed as definitions_installed

if TYPE_CHECKING:
    from tests.support.kubernetes.cluster import Cluster

NAMESPACE, NAME = "infra", "public"
_GROUP = "gateway.networking.k8s.io"
_PARENT = {**an_object(name=STRING, namespace=STRING), "required": ["name"]}
_WEIGHT = {**INTEGER, "minimum": 0, "maximum": 1_000_000, "default": 1}
_REPLACED = an_object(type=STRING, replacePrefixMatch=STRING)
_FILTER = an_object(type=STRING, urlRewrite=an_object(path=_REPLACED))
_HEADER = an_object(type=STRING, name=STRING, value=STRING)
_MATCH = an_object(
    path=an_object(type=STRING, value=STRING),
    headers={**keyed("name", {**_HEADER, "required": ["name", "value"]}), "maxItems": 16},
)
_RULE = an_object(
    matches={**a_list(_MATCH), "maxItems": 8},
    filters=a_list(_FILTER),
    backendRefs={**a_list(an_object(name=STRING, port=INTEGER, weight=_WEIGHT)), "maxItems": 16},
)
_KINDS = {
    "HTTPRoute": an_object(
        spec=an_object(parentRefs=a_list(_PARENT), rules={**a_list(_RULE), "maxItems": 16}),
        status=an_object(
            parents=a_list(
                an_object(parentRef=_PARENT, controllerName=STRING, conditions=keyed("type", CONDITION))
            )
        ),
    ),
    "Gateway": an_object(
        spec=an_object(
            gatewayClassName=STRING,
            listeners=keyed(
                "name",
                {
                    **an_object(name=STRING, protocol=STRING, port=INTEGER, hostname=STRING),
                    "required": ["name"],
                },
            ),
        ),
        status=an_object(addresses=a_list(an_object(type=STRING, value=STRING))),
    ),
}


@contextmanager
def installed(cluster: Cluster) -> Iterator[None]:
    """The Gateway API with the Gateway infra/public; all is removed afterwards."""
    # A group below k8s.io needs to say that it is approved.
    approved = {"api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api"}
    definitions = [definition(_GROUP, "v1", kind, schema, **approved) for kind, schema in _KINDS.items()]
    with definitions_installed(cluster, definitions):
        cluster.kubectl("create", "namespace", NAMESPACE)
        try:
            cluster.kubectl("apply", "-f", "-", given=json.dumps(_gateway()))
            yield
        finally:
            cluster.kubectl("delete", "namespace", NAMESPACE)


def write_status(kind: str, namespace: str, name: str, status: dict[str, Any]) -> None:
    """Report a status, as the Gateway's controller does."""
    Api.at(connection.current()).patch(kind, namespace, name, {"status": status}, "status")


def _gateway() -> dict[str, Any]:
    return {
        "apiVersion": f"{_GROUP}/v1",
        "kind": "Gateway",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "gatewayClassName": "none",
            "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}],
        },
    }
