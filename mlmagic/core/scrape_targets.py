"""Which services Prometheus scrapes, and with which labels: the answer of its HTTP service discovery.

Source: https://prometheus.io/docs/prometheus/latest/http_sd/ and its configuration's ``relabel_config``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from mlmagic.core.webservice import Desired, State, Webservice

PATH = "/metrics"
NOT_SERVING = "it does not serve"
IDLES = "it has an idle timeout, and each scrape would start it"
ONE_OF_SEVERAL = "its address answers for one of its replicas at a time"
ELSEWHERE = "only the machine that it runs on reaches its address"
_DEFAULT_PORTS = {"http": 80, "https": 443}

Group = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Monitored:
    """A service, and what decides whether Prometheus can scrape it."""

    service: Webservice
    idles: bool = False
    """Whether no replica runs while nobody calls."""
    sums_replicas: bool = True
    """Whether its metrics count the requests of all its replicas."""
    endpoint: str = ""
    """The endpoint that it is a version of; empty without one."""
    version: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """The labels that all its metrics get."""
        found = {"service": self.service.name, "target": self.service.target}
        if self.service.serving is not None:
            found["revision"] = str(self.service.serving)
        if self.endpoint:
            found |= {"endpoint": self.endpoint, "version": self.version}
        return found


def monitored(
    services: Sequence[Webservice], idling: Collection[str], summing: Collection[str]
) -> list[Monitored]:
    """The services, each with its endpoint. ``idling`` and ``summing`` are the ids of those that do so."""
    versions = {
        each.service: (service.name, each.name)
        for service in services
        if service.endpoint is not None
        for each in service.endpoint.versions
    }
    return [
        Monitored(service, service.id in idling, service.id in summing, *versions.get(service.name, ("", "")))
        for service in services
    ]


def obstacle(each: Monitored, machine: str, *, is_near: bool = True) -> str:
    """Why Prometheus cannot scrape a service; empty if it can.

    ``is_near``: Prometheus runs on this machine, ``machine``, and reaches loopback addresses.
    """
    service = each.service
    is_wanted = service.desired is Desired.RUNNING and service.state not in (State.STOPPED, State.FAILED)
    if not is_wanted or service.serving is None or not service.url:
        return NOT_SERVING
    if each.idles:
        return IDLES
    replicas = max(service.replicas or 1, int(service.stats.get("replicas", 1)))
    if replicas > 1 and not each.sums_replicas:
        return ONE_OF_SEVERAL
    if service.has_loopback_address and not (is_near and service.is_reachable_from(machine)):
        return ELSEWHERE
    return ""


def group(url: str, labels: Mapping[str, str]) -> Group:
    """The target group of a server at ``url``, as Prometheus reads it."""
    parts = urlsplit(url)
    address = parts.netloc if parts.port is not None else f"{parts.netloc}:{_DEFAULT_PORTS[parts.scheme]}"
    special = {}
    if parts.scheme != "http":
        special["__scheme__"] = parts.scheme
    if path := parts.path.rstrip("/"):
        special["__metrics_path__"] = path + PATH
    return {"targets": [address], "labels": {**special, **labels}}


def groups(
    services: Iterable[Monitored], workspace: str, machine: str, *, is_near: bool = True
) -> list[Group]:
    """The target groups of all services that Prometheus can scrape."""
    return [
        group(str(each.service.url), {"workspace": workspace, **each.labels})
        for each in services
        if not obstacle(each, machine, is_near=is_near)
    ]
