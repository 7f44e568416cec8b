"""The routes of a router in a container: pure functions from callers' addresses to those between containers.

A version's URL is the one for callers: the port that its proxy container publishes on the engine's machine.
Inside a container 127.0.0.1 is that container itself, so its router uses the proxy container's own address.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from mlmagic.targets.images.dockerfile import PORT

_DEFAULT_NETWORK = "bridge"
"""The network that proxy containers are created in."""


def addresses_of(proxies: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    """The address between containers, such as "172.17.0.2:5001", by published port.

    ``proxies`` are proxy containers as the engine lists them; one that does not run has no ports.
    """
    return {
        int(port["PublicPort"]): f"{address}:{PORT}"
        for proxy in proxies
        for port in proxy.get("Ports") or ()
        if port.get("PublicPort") and port.get("PrivatePort") == PORT and (address := _address_of(proxy))
    }


def routes_inside(routes: str, machine: str, addresses: Mapping[int, str]) -> str:
    """The routes file ``routes`` as a router in a container of the engine needs it.

    ``machine`` is the host on which the engine publishes ports, and ``addresses`` are those of
    `addresses_of`. A version that is in no container of the engine has no URL.
    """
    record = json.loads(routes)
    record["versions"] = [_inside(version, machine, addresses) for version in record["versions"]]
    return json.dumps(record)


def _inside(version: Mapping[str, Any], machine: str, addresses: Mapping[int, str]) -> dict[str, Any]:
    if version.get("url") is None:
        return dict(version)
    url = urlsplit(version["url"])
    address = addresses.get(url.port or 80) if url.hostname == machine else None
    if address is None:
        return {**version, "url": None}
    # A server with allowed hosts expects the host that callers use.
    return {**version, "url": f"http://{address}", "host_header": url.netloc}


def _address_of(proxy: Mapping[str, Any]) -> str:
    networks = (proxy.get("NetworkSettings") or {}).get("Networks") or {}
    for name in sorted(networks, key=lambda name: name != _DEFAULT_NETWORK):
        if networks[name].get("IPAddress"):
            return str(networks[name]["IPAddress"])
    return ""
