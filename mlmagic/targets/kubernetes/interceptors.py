"""The interceptor of KEDA's HTTP add-on in a cluster: checked for services with an idle timeout, and found.

Its Service is the address of all services with an idle timeout; the path tells them apart.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from urllib.parse import urlencode

from mlmagic.core import advice
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.errors import Advice, InvalidConfig, LaunchFailed
from mlmagic.targets.kubernetes import address
from mlmagic.targets.kubernetes.api import Api, Object, Refused
from mlmagic.targets.kubernetes.connection import TARGET, Address
from mlmagic.targets.kubernetes.gateway_routes import gateway_of
from mlmagic.targets.kubernetes.idle_scaling import GROUP, HTTP_GROUP, AddOn, idles

KNOWN_SECONDS = 10.0
"""It seldom changes: for so long it is not looked up again."""
NAMESPACE = "keda"
"""Where it is installed by default."""
PROXY, PROXY_PORT = "keda-add-ons-http-interceptor-proxy", "proxy"
SCALER, SCALER_PORT, SCALER_NUMBER = "keda-add-ons-http-external-scaler", "grpc", 9090
"""The names of the Services, which both the Helm chart and the project's own manifests give, and of ports."""
_PART = "app.kubernetes.io/component"
_LABELS = {"app.kubernetes.io/name": "http-add-on"}
_FIELD = "idle_timeout_seconds"


def check(api: Api, config: DeploymentConfig, *, service_type: str) -> None:
    """Raises `InvalidConfig` for an idle timeout that the cluster cannot carry out.

    ``service_type`` is that of the services' own Services: see `address.service_type`.
    """
    given = config.idle_timeout_seconds
    if not idles(config):
        return
    if gateway_of(config):
        raise InvalidConfig(
            "gateway",
            gateway_of(config),
            "excludes an idle timeout: the Gateway would send requests to KEDA's interceptor, and its "
            "namespace needs a ReferenceGrant for that",
            hint="Leave one of them out, or add an HTTPRoute to the interceptor yourself.",
        )
    if config.ssl_cert_pem_file:
        raise InvalidConfig(
            _FIELD,
            given,
            "excludes a certificate: KEDA's interceptor calls services without TLS",
            hint="Leave the certificate out, and give one to the interceptor.",
        )
    if not api.add_on():
        raise InvalidConfig(
            _FIELD,
            given,
            f"needs KEDA's HTTP add-on, and context {api.address.context!r} has no "
            f"CustomResourceDefinition interceptorroutes.{HTTP_GROUP}",
            hint=_ways_out(api, config),
        )
    if not api.has_keda():
        raise InvalidConfig(
            _FIELD,
            given,
            f"needs KEDA besides its HTTP add-on, and context {api.address.context!r} has no "
            f"CustomResourceDefinition scaledobjects.{GROUP}",
            hint="Install KEDA (https://keda.sh/docs/latest/deploy/), or leave the idle timeout out.",
        )
    proxy = proxy_of(api)
    if proxy is None:
        raise InvalidConfig(
            _FIELD,
            given,
            f"needs the interceptor of KEDA's HTTP add-on: {_not_found()}",
            hint=_ways_out(api, config),
        )
    kind = proxy["spec"].get("type", address.CLUSTER_IP)
    if kind == address.CLUSTER_IP and service_type != address.CLUSTER_IP:
        where, name = proxy["metadata"]["namespace"], proxy["metadata"]["name"]
        raise InvalidConfig(
            _FIELD,
            given,
            f"needs an interceptor that this machine reaches: Service {where}/{name} has the type {kind}, "
            "and an address inside the cluster only",
            hint=f"Give it one with: {_retype(where, name, service_type)}",
        )


def _retype(namespace: str, name: str, kind: str) -> str:
    """The command that gives a Service another type."""
    return f'kubectl patch service {name} -n {namespace} -p \'{{"spec": {{"type": "{kind}"}}}}\''


def _ways_out(api: Api, config: DeploymentConfig) -> Advice:
    more = ""
    if api.has_knative():
        more = "Knative is installed, and runs a package: {package}, then kubectl apply -f DIR/knative.yaml. "
    return Advice(
        "Install the add-on (https://keda.sh/http-add-on/), or leave the idle timeout out. "
        + more
        + "Or deploy with: {local}",
        package=advice.package_for_knative(config.idle_timeout_seconds),
        local=advice.target("local"),
    )


def _not_found() -> str:
    labels = ",".join(f"{name}={value}" for name, value in _labels("interceptor").items())
    return f"no namespace has a Service with the labels {labels} and a port {PROXY_PORT!r}"


def add_on_of(api: Api) -> AddOn:
    """The add-on of a cluster. Raises `LaunchFailed` if it is there no more."""
    kind, proxy = api.add_on(), proxy_of(api)
    if not kind or proxy is None:
        missing = _not_found() if kind else f"there is no CustomResourceDefinition of the group {HTTP_GROUP}"
        raise LaunchFailed(
            TARGET,
            f"the idle timeout needs KEDA's HTTP add-on, which is not installed any more: {missing}",
            hint="Install it (https://keda.sh/http-add-on/), or update the service without the idle timeout.",
        )
    namespace = str(proxy["metadata"]["namespace"])
    found = with_port(_services(api, "scaler", namespace), SCALER_PORT)
    name, port = SCALER, SCALER_NUMBER
    if found:
        name, port = found[0]["metadata"]["name"], found[0]["spec"]["ports"][0]["port"]
    return AddOn(kind, f"{name}.{namespace}:{port}")


def proxy_of(api: Api) -> Object | None:
    """The Service of the interceptor, with its port for HTTP only; None if there is none to be seen."""
    try:
        found = _services(api, "interceptor")
    except Refused:  # this user may not list the Services of all namespaces
        found = []
    if not found:
        with suppress(Refused):
            named = api.get("Service", NAMESPACE, PROXY)
            found = [named] if named is not None else []
    return next(iter(with_port(found, PROXY_PORT)), None)


def _labels(part: str) -> dict[str, str]:
    return {**_LABELS, _PART: part}


def _services(api: Api, part: str, namespace: str = "") -> Sequence[Object]:
    """The Services of a part of the add-on, in one namespace or in all."""
    if namespace:
        with suppress(Refused):
            return api.list("Service", namespace, _labels(part))
        return []
    selector = ",".join(f"{name}={value}" for name, value in _labels(part).items())
    found: Sequence[Object] = api.call("GET", f"api/v1/services?{urlencode({'labelSelector': selector})}")[
        "items"
    ]
    return found


def with_port(services: Iterable[Object], name: str) -> list[Object]:
    """The Services that have a port of this name, with this port only; those of the usual namespace first."""
    found: list[Object] = []
    for each in services:
        ports = [port for port in each["spec"].get("ports") or () if port.get("name") == name]
        if ports:
            found.append({**each, "spec": {**each["spec"], "ports": ports}})
    return sorted(found, key=_preference)


def _preference(service: Object) -> tuple[bool, str, str]:
    meta: Mapping[str, str] = service["metadata"]
    return meta["namespace"] != NAMESPACE, meta["namespace"], meta["name"]


class Interceptors:
    """The interceptors of clusters, as they were a moment ago."""

    def __init__(self) -> None:
        self._known: dict[Address, tuple[float, Object | None]] = {}

    def get(self, api: Api) -> Object | None:
        """As `proxy_of`."""
        known = self._known.get(api.address)
        if known is None or time.monotonic() - known[0] > KNOWN_SECONDS:
            known = self._known[api.address] = time.monotonic(), proxy_of(api)
        return known[1]
