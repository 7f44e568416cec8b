"""CustomResourceDefinitions for the tests' cluster.

They have the fields that mlmagic writes and reads, and no more. The API server refuses others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from tests.support.kubernetes.cluster import Cluster

STRING: dict[str, Any] = {"type": "string"}
INTEGER: dict[str, Any] = {"type": "integer", "format": "int32"}


def an_object(**properties: Any) -> dict[str, Any]:
    """The schema of an object."""
    return {"type": "object", "properties": properties}


def a_list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def keyed(key: str, items: dict[str, Any]) -> dict[str, Any]:
    """The schema of a list whose items are told apart by ``key``."""
    return {**a_list(items), "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


CONDITION = {
    **an_object(type=STRING, status=STRING, reason=STRING, message=STRING),
    "required": ["type", "status"],
}


def definition(
    group: str, version: str, kind: str, schema: dict[str, Any], **annotations: str
) -> dict[str, Any]:
    """The definition of a kind that has a status."""
    plural = f"{kind.lower()}s"
    served = {
        "name": version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "annotations": annotations},
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "scope": "Namespaced",
            "versions": [served],
        },
    }


@contextmanager
def installed(cluster: Cluster, definitions: Sequence[dict[str, Any]]) -> Iterator[None]:
    """The cluster has these kinds; afterwards they are removed, with all objects."""
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": definitions})
    cluster.kubectl("apply", "-f", "-", given=given)
    try:
        for each in definitions:
            cluster.kubectl("wait", "--for=condition=Established", f"crd/{each['metadata']['name']}")
            wait_for(lambda each=each: _is_served(cluster, each), each["metadata"]["name"])
        yield
    finally:
        cluster.kubectl("delete", "-f", "-", given=given)


def _is_served(cluster: Cluster, wanted: dict[str, Any]) -> bool:
    group = wanted["spec"]["group"]
    names = cluster.kubectl("api-resources", "--api-group", group, "-o", "name", check=False).split()
    return wanted["metadata"]["name"] in names
