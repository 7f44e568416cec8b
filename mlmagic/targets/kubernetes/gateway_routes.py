"""The HTTPRoute with which a Gateway sends a service the requests under ``/NAME``: pure functions.

A Gateway alone can share the requests among the versions of an endpoint, and send a request to the version
that its header names. It cannot check keys, keep callers at a version, copy requests to a shadow, or measure
a rollout: then it sends all requests to the endpoint's router, which can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.scoring.router.routes import VERSION
from mlmagic.targets.kubernetes.address import is_address_of
from mlmagic.targets.kubernetes.api import GATEWAY_GROUP

HTTP_ROUTE, GATEWAY = "HTTPRoute", "Gateway"
_MOST_RULES = 16
"""The Gateway API allows so many rules in an HTTPRoute, and backends in a rule."""
_MOST_WEIGHT = 1_000_000
_EXACT = 1e-6

Object = dict[str, Any]
Seen = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Backend:
    """A Service, and of an endpoint the version that it is and the percentage that it gets."""

    service: str
    port: int
    version: str = ""
    percent: float = 100.0

    @classmethod
    def of(cls, service: Seen, version: str = "", percent: float = 100.0) -> Backend:
        """From the Service as the API writes it."""
        return cls(service["metadata"]["name"], service["spec"]["ports"][0]["port"], version, percent)


def gateway_of(config: DeploymentConfig) -> str:
    """The ``[NAMESPACE/]NAME`` that a configuration gives; empty if it gives none."""
    return str(config.compute_settings.get("gateway") or "")


def parse(gateway: str) -> tuple[str, str]:
    """The namespace, empty for that of the service, and the name of ``[NAMESPACE/]NAME``."""
    namespace, _, name = gateway.rpartition("/")
    return namespace, name


def needs_router(config: DeploymentConfig) -> bool:
    """Whether requests to an endpoint have to pass its router whatever its traffic: only it checks them."""
    return config.guarded or bool(config.cors_origins) or bool(config.allowed_hosts)


def backends_of(
    routes: Seen, services: Mapping[str, Seen], router: str, *, needs_router: bool
) -> list[Backend]:
    """The versions of an endpoint, where a Gateway alone can do what its router does; else the router.

    ``routes`` is the routes file, and ``services`` are the Services of the namespace by name. ``router`` is
    the name of the router's; without that, there is no backend.
    """
    versions = None if needs_router else _versions(routes, services)
    if versions is not None:
        return versions
    return [Backend.of(services[router])] if router in services else []


def _versions(routes: Seen, services: Mapping[str, Seen]) -> list[Backend] | None:
    """The versions as backends; None if the Gateway alone cannot do what the routes demand."""
    versions = routes["versions"]
    if routes.get("sticky_by") or routes.get("has_rollout") or len(versions) >= _MOST_RULES:
        return None
    found = [_backend(each, services) for each in versions]
    backends = [each for each in found if each is not None]
    return backends if len(backends) == len(found) else None


def _backend(version: Seen, services: Mapping[str, Seen]) -> Backend | None:
    """A version that needs no router; None for one that is a shadow, has keys, or is not in the namespace."""
    service = services.get(version.get("service") or "")
    if service is None or not version["url"] or not is_address_of(service, version["url"]):
        return None
    if version.get("shadow_percent") or version.get("credential"):
        return None
    return Backend.of(service, version["name"], version["percent"])


def weights_of(percents: Sequence[float]) -> list[int]:
    """Whole numbers that stand for these percentages: 90 and 10, or 995 and 5 for half a percent."""
    scale = next((each for each in (1, 10, 100, 1000) if _are_whole(percents, each)), _MOST_WEIGHT // 100)
    return [max(round(percent * scale), 1 if percent else 0) for percent in percents]


def _are_whole(percents: Sequence[float], scale: int) -> bool:
    return all(abs(percent * scale - round(percent * scale)) < _EXACT for percent in percents)


def http_route(metadata: Seen, gateway: str, backends: Sequence[Backend], *, version: str = "v1") -> Object:
    """The HTTPRoute of the name in ``metadata``, which is applied as it is.

    ``gateway`` is ``[NAMESPACE/]NAME``, and ``version`` that of the API. One backend without a version gets
    all requests.
    """
    namespace, name = parse(gateway)
    prefix = f"/{metadata['name']}"
    rules = [_rule(prefix, [each], each.version) for each in backends if each.version]
    return {
        "apiVersion": f"{GATEWAY_GROUP}/{version}",
        "kind": HTTP_ROUTE,
        "metadata": dict(metadata),
        "spec": {
            "parentRefs": [{"name": name, **({"namespace": namespace} if namespace else {})}],
            "rules": [*rules, _rule(prefix, backends)],
        },
    }


def _rule(prefix: str, backends: Sequence[Backend], version: str = "") -> Object:
    """The requests below ``prefix``, without it; with a ``version`` those that name it."""
    match: Object = {"path": {"type": "PathPrefix", "value": prefix}}
    if version:
        match["headers"] = [{"type": "Exact", "name": VERSION, "value": version}]
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
    references: list[Object] = [{"name": each.service, "port": each.port} for each in backends]
    if len(backends) > 1:
        weights = weights_of([each.percent for each in backends])
        references = [{**each, "weight": weight} for each, weight in zip(references, weights, strict=True)]
    return {
        "matches": [match],
        "filters": [{"type": "URLRewrite", "urlRewrite": rewrite}],
        "backendRefs": references,
    }


# -- what the Gateway reports -----------------------------------------------------------------------------


def words_of(route: Seen | None, gateway: Seen | None, reference: str) -> str:
    """How callers reach a service through a Gateway, or why they do not, for people.

    ``route`` is the HTTPRoute and ``gateway`` the Gateway of the name ``reference``; None: it is not there.
    """
    if gateway is None:
        return f"Gateway {reference} does not exist any more"
    if route is None:
        return f"the HTTPRoute for Gateway {reference} was removed; the next update creates it"
    parents = [
        each
        for each in (route.get("status") or {}).get("parents") or ()
        if each["parentRef"]["name"] == parse(reference)[1]
    ]
    if not parents:
        return f"Gateway {reference} has not accepted the HTTPRoute yet"
    for condition in (each for parent in parents for each in parent.get("conditions") or ()):
        if condition["type"] in ("Accepted", "ResolvedRefs") and condition["status"] == "False":
            reason, message = condition.get("reason", ""), condition.get("message", "")
            return f"Gateway {reference} does not accept the HTTPRoute: {reason}: {message}".rstrip(": ")
    url = url_of(gateway)
    where = f"at {url}/{route['metadata']['name']}/score " if url else ""
    return f"callable {where}through Gateway {reference}"


def url_of(gateway: Seen) -> str:
    """The URL of a Gateway, by its first listener for HTTP or HTTPS; empty while it has no address."""
    addresses = (gateway.get("status") or {}).get("addresses") or ()
    listeners = [each for each in gateway["spec"]["listeners"] if each["protocol"] in ("HTTP", "HTTPS")]
    named = [each for each in listeners if not str(each.get("hostname", "")).startswith("*")]
    if not addresses or not named:
        return ""
    scheme, port = named[0]["protocol"].lower(), named[0]["port"]
    host = str(named[0].get("hostname") or addresses[0]["value"])
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}" if port == {"http": 80, "https": 443}[scheme] else f"{scheme}://{host}:{port}"
