"""The URL at which this machine reaches a service: pure functions of the Service and the nodes.

ClusterIP       where mlmagic runs in a pod of the cluster: the Service's own address
NodePort        elsewhere: an address of a node, and the port that the Service has on every node
LoadBalancer    with MLMAGIC_SERVICE_TYPE=LoadBalancer: the address that the cloud gives to the Service
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from mlmagic.errors import InvalidConfig

VARIABLE = "MLMAGIC_SERVICE_TYPE"
CLUSTER_IP, NODE_PORT, LOAD_BALANCER = "ClusterIP", "NodePort", "LoadBalancer"
TYPES = (CLUSTER_IP, NODE_PORT, LOAD_BALANCER)
_DEFAULT_PORTS = {"http": 80, "https": 443}

Object = Mapping[str, Any]


def service_type(setting: str | None, *, is_inside: bool) -> str:
    """The type of new Services; ``setting`` is the variable's value. Raises `InvalidConfig`."""
    if not setting:
        return CLUSTER_IP if is_inside else NODE_PORT
    if setting not in TYPES:
        raise InvalidConfig(VARIABLE, setting, f"must be one of {', '.join(TYPES)}")
    return setting


def url_of(service: Object | None, nodes: Iterable[Object], scheme: str, *, host: str = "") -> str | None:
    """The URL of a Service; None while it has none.

    ``nodes`` are those of the cluster, and ``host`` is used where there are none: a user may not list them.
    """
    if service is None or not service["spec"].get("ports"):
        return None
    spec, port = service["spec"], service["spec"]["ports"][0]
    kind = spec.get("type", CLUSTER_IP)
    if kind == LOAD_BALANCER:
        return _url(scheme, _of_load_balancer(service), port["port"])
    if kind == NODE_PORT:
        return _url(scheme, node_address(nodes) or host, port.get("nodePort"))
    address = spec.get("clusterIP")
    return _url(scheme, "" if address == "None" else address, port["port"])


def is_address_of(service: Object, url: str) -> bool:
    """Whether ``url`` is that of a Service, at whichever node."""
    parts = urlsplit(url)
    spec = service["spec"]
    if spec.get("type", CLUSTER_IP) == NODE_PORT:
        return parts.port is not None and parts.port == spec["ports"][0].get("nodePort")
    return url == url_of(service, (), parts.scheme)


def node_address(nodes: Iterable[Object]) -> str:
    """The external address of a node, else its internal one; empty without a node that is ready."""
    ready = sorted(filter(is_ready, nodes), key=lambda node: str(node["metadata"]["name"]))
    for kind in ("ExternalIP", "InternalIP"):
        for node in ready:
            for each in node["status"].get("addresses") or ():
                if each["type"] == kind:
                    return str(each["address"])
    return ""


def is_ready(node: Object) -> bool:
    """Whether a node runs pods."""
    conditions = node["status"].get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _of_load_balancer(service: Object) -> str:
    entries = (service.get("status", {}).get("loadBalancer") or {}).get("ingress") or [{}]
    return str(entries[0].get("ip") or entries[0].get("hostname") or "")


def _url(scheme: str, host: str | None, port: int | None) -> str | None:
    if not host or not port:
        return None
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" if port == _DEFAULT_PORTS[scheme] else f"{scheme}://{shown}:{port}"
