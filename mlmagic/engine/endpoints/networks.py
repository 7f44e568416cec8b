"""Which versions the router of an endpoint reaches.

A router on this machine reaches every service that callers reach. One that runs elsewhere, such as in a
container, reaches the services in its own network: on the same target, and in the same cluster or engine.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mlmagic.core import advice
from mlmagic.core.webservice import Webservice
from mlmagic.engine.targets import Targets
from mlmagic.errors import Advice, UsageError
from mlmagic.targets.base import ComputeTarget


@dataclass(frozen=True, slots=True)
class Network:
    """The network that a service runs in."""

    target: str
    name: str = ""
    """As `ComputeTarget.network_of` says; empty where the target has one only."""

    def __str__(self) -> str:
        return f"{self.target} ({self.name})" if self.name else self.target


def network_of_new(target: ComputeTarget[Any]) -> Network:
    """The network of services that are deployed to ``target`` now."""
    return Network(target.name, target.network_of(None) if target.capabilities.delivers_routes else "")


def network_of(targets: Targets, service: Webservice) -> Network:
    """The network that a service runs in, or will run in when it is started."""
    target = targets.get(service.target)
    packed = service.handle or service.candidate_handle
    if not packed or not target.capabilities.delivers_routes:
        return network_of_new(target)
    return Network(target.name, target.network_of(target.unpack(packed)))


def check_reachable(router: Network, version: Network, service: str) -> None:
    """Raises `UsageError` for a service that a router elsewhere does not reach."""
    if router == version:
        return
    raise UsageError(
        f"{service!r} runs on {version}, where the router of the endpoint, on {router}, cannot reach it",
        hint=Advice(
            "Deploy it where the router is, or create an endpoint whose router runs on this machine, with: "
            "{local}",
            local=advice.target("local"),
        ),
    )


def router_network(targets: Targets, endpoint: Webservice) -> Network | None:
    """The network of the router of an endpoint; None for a router on this machine."""
    target = targets.of(endpoint)
    is_elsewhere = target is not None and target.capabilities.delivers_routes
    return network_of(targets, endpoint) if is_elsewhere else None


def check_reachable_by(
    endpoints: Iterable[Webservice], targets: Targets, target: ComputeTarget[Any], service: str
) -> None:
    """Raises `UsageError` if ``service``, a version of ``endpoints``, would be out of reach on ``target``."""
    for endpoint in endpoints:
        if (router := router_network(targets, endpoint)) is not None:
            check_reachable(router, network_of_new(target), service)
