"""The Gateway API in the tests' cluster: its definitions, and a Gateway that has no controller.

The definitions have the fields that mlmagic writes and reads, and no more. The API server refuses others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlmagic.targets.kubernetes import connection
from mlmagic.targets.kubernetes.api import Api
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from tests.support.kubernetes.cluster import Cluster

NAMESPACE, NAME = "infra", "public"
_GROUP = "gateway.networking.k8s.io"
_STRING = {"type": "string"}
_INTEGER = {"type": "integer", "format": "int32"}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _keyed(key: str, items: dict[str, Any]) -> dict[str, Any]:
    return {**_list(items), "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


_PARENT = {**_object(name=_STRING, namespace=_STRING), "required": ["name"]}
_CONDITION = {
    **_object(type=_STRING, status=_STRING, reason=_STRING, message=_STRING),
    "required": ["type", "status"],
}
_WEIGHT = {**_INTEGER, "minimum": 0, "maximum": 1_000_000, "default": 1}
_REPLACED = _object(type=_STRING, replacePrefixMatch=_STRING)
_FILTER = _object(type=_STRING, urlRewrite=_object(path=_REPLACED))
_HEADER = _object(type=_STRING, name=_STRING, value=_STRING)
_MATCH = _object(
    path=_object(type=_STRING, value=_STRING),
    headers={**_keyed("name", {**_HEADER, "required": ["name", "value"]}), "maxItems": 16},
)
_RULE = _object(
    matches={**_list(_MATCH), "maxItems": 8},
    filters=_list(_FILTER),
    backendRefs={**_list(_object(name=_STRING, port=_INTEGER, weight=_WEIGHT)), "maxItems": 16},
)
_KINDS = {
    "HTTPRoute": _object(
        spec=_object(parentRefs=_list(_PARENT), rules={**_list(_RULE), "maxItems": 16}),
        status=_object(
            parents=_list(
                _object(parentRef=_PARENT, controllerName=_STRING, conditions=_keyed("type", _CONDITION))
            )
        ),
    ),
    "Gateway": _object(
        spec=_object(
            gatewayClassName=_STRING,
            listeners=_keyed(
                "name",
                {
                    **_object(name=_STRING, protocol=_STRING, port=_INTEGER, hostname=_STRING),
                    "required": ["name"],
                },
            ),
        ),
        status=_object(addresses=_list(_object(type=_STRING, value=_STRING))),
    ),
}


@contextmanager
def installed(cluster: Cluster) -> Iterator[None]:
    """The Gateway API with the Gateway infra/public; all is removed afterwards."""
    definitions = [_definition(kind, schema) for kind, schema in _KINDS.items()]
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": definitions})
    cluster.kubectl("apply", "-f", "-", given=given)
    cluster.kubectl("create", "namespace", NAMESPACE)
    try:
        for each in definitions:
            cluster.kubectl("wait", "--for=condition=Established", f"crd/{each['metadata']['name']}")
        wait_for(lambda: _is_served(cluster), "the Gateway API")
        cluster.kubectl("apply", "-f", "-", given=json.dumps(_gateway()))
        yield
    finally:
        cluster.kubectl("delete", "-f", "-", given=given)
        cluster.kubectl("delete", "namespace", NAMESPACE)


def write_status(kind: str, namespace: str, name: str, status: dict[str, Any]) -> None:
    """Report a status, as the Gateway's controller does."""
    Api.at(connection.current()).patch(kind, namespace, name, {"status": status}, "status")


def _is_served(cluster: Cluster) -> bool:
    names = cluster.kubectl("api-resources", "--api-group", _GROUP, "-o", "name", check=False).split()
    return len(names) == len(_KINDS)


def _definition(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    # A group below k8s.io needs to say that it is approved.
    approved = {"api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{_GROUP}", "annotations": approved},
        "spec": {
            "group": _GROUP,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "scope": "Namespaced",
            "versions": [version],
        },
    }


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
