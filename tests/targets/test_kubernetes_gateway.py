"""HTTPRoutes: when a Gateway alone can do what the router does, the objects, and what the Gateway reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from mlmagic.core.arguments import ARGUMENTS
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.engine.packages import manifests
from mlmagic.targets.kubernetes import gateway_routes, objects
from mlmagic.targets.kubernetes.address import is_address_of
from mlmagic.targets.kubernetes.gateway_routes import Backend, backends_of, needs_router, weights_of
from mlmagic.targets.kubernetes.objects import Workload

OPEN = DeploymentConfig("kubernetes", without_auth=True)
THROUGH = replace(OPEN, compute_settings={"gateway": "infra/public"})


def service(name: str, port: int, kind: str = "NodePort") -> Mapping[str, Any]:
    ports = [{"port": 80, "nodePort": port}]
    return {"metadata": {"name": name}, "spec": {"type": kind, "clusterIP": "10.0.0.9", "ports": ports}}


def version(name: str, percent: float, **more: Any) -> Mapping[str, Any]:
    port = {"blue": 30001, "green": 30002}[name]
    route = {"name": name, "service": f"shop-{name}", "url": f"http://10.1.0.1:{port}", "percent": percent}
    return {**route, "shadow_percent": 0, "credential": None, **more}


BLUE, GREEN = version("blue", 90), version("green", 10)
PORTS = {"shop": 30000, "shop-blue": 30001, "shop-green": 30002}
SERVICES = {name: service(name, port) for name, port in PORTS.items()}
BACKENDS = [Backend("shop-blue", 80, "blue", 90), Backend("shop-green", 80, "green", 10)]


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        ("public", True),
        ("infra/public", True),
        ("public.example", True),
        ("", True),
        ("Public", False),
        ("infra/", False),
        ("/public", False),
        ("a/b/c", False),
        ("infra.x/public", False),
    ],
)
def test_the_name_of_a_gateway(text: str, is_valid: bool) -> None:
    assert (ARGUMENTS["gateway"].violation(text) is None) is is_valid


@pytest.mark.parametrize(
    ("versions", "more", "alone"),
    [
        ([BLUE, GREEN], {}, True),
        ([version("blue", 100)], {}, True),
        ([version("blue", 0), version("green", 100)], {}, True),
        ([BLUE, GREEN], {"sticky_by": "client"}, False),
        ([BLUE, GREEN], {"has_rollout": True}, False),
        ([BLUE, version("green", 10, shadow_percent=5)], {}, False),
        ([BLUE, version("green", 10, credential="secret")], {}, False),
        # It does not serve, is on another target, or may be called by other names only.
        ([BLUE, version("green", 10, url=None)], {}, False),
        ([BLUE, version("green", 10, url="http://127.0.0.1:49153")], {}, False),
        ([BLUE, version("green", 10, service=None)], {}, False),
        ([BLUE, version("green", 10, service="elsewhere")], {}, False),
        ([{**GREEN, "name": f"v{number}"} for number in range(15)], {}, True),
        ([{**GREEN, "name": f"v{number}"} for number in range(16)], {}, False),
    ],
)
def test_what_a_gateway_alone_can_do(
    versions: Sequence[Mapping[str, Any]], more: Mapping[str, Any], alone: bool
) -> None:
    routes = {"default": "blue", "sticky_by": None, "has_rollout": False, "versions": versions, **more}
    found = backends_of(routes, SERVICES, "shop", needs_router=False)
    wanted = [each["name"] for each in versions] if alone else [""]
    assert [each.version for each in found] == wanted


def test_backends_are_the_versions_or_the_router_or_none() -> None:
    routes = {"versions": [BLUE, GREEN]}
    assert backends_of(routes, SERVICES, "shop", needs_router=False) == BACKENDS
    assert backends_of(routes, SERVICES, "shop", needs_router=True) == [Backend("shop", 80)]
    assert backends_of(routes, {}, "shop", needs_router=True) == []


@pytest.mark.parametrize(
    ("config", "router"),
    [
        (OPEN, False),
        (DeploymentConfig("kubernetes", auth_enabled=True), True),
        (DeploymentConfig("kubernetes", token_auth_enabled=True), True),
        (replace(OPEN, cors_origins="*"), True),
        (replace(OPEN, allowed_hosts="a.example"), True),
    ],
)
def test_what_only_the_router_checks(config: DeploymentConfig, router: bool) -> None:
    assert needs_router(config) is router


@pytest.mark.parametrize(
    ("percents", "weights"),
    [
        ([100], [100]),
        ([90, 10, 0], [90, 10, 0]),
        ([99.5, 0.5], [995, 5]),
        ([99.99, 0.01], [9999, 1]),
        ([99.999, 0.001], [99999, 1]),
        ([200 / 3, 100 / 3], [666667, 333333]),
        ([100 - 1e-9, 1e-9], [100, 1]),  # never none, where it gets some
    ],
)
def test_weights(percents: Sequence[float], weights: Sequence[int]) -> None:
    assert weights_of(percents) == weights


@pytest.mark.parametrize(
    ("kind", "url", "same"),
    [
        ("NodePort", "http://10.1.0.7:30001", True),
        ("NodePort", "http://10.1.0.7:30002", False),
        ("NodePort", "http://10.1.0.7", False),
        ("ClusterIP", "http://10.0.0.9", True),
        ("ClusterIP", "http://10.0.0.8", False),
    ],
)
def test_the_url_of_a_service_at_any_node(kind: str, url: str, same: bool) -> None:
    assert is_address_of(service("shop-blue", 30001, kind), url) is same


REWRITE = [
    {
        "type": "URLRewrite",
        "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}},
    }
]
PATH = {"type": "PathPrefix", "value": "/shop"}


def test_a_route_to_the_versions_of_an_endpoint() -> None:
    found = gateway_routes.http_route({"name": "shop"}, "infra/public", BACKENDS, version="v1beta1")
    header = {"type": "Exact", "name": "azureml-model-deployment"}
    blue, green = {"name": "shop-blue", "port": 80}, {"name": "shop-green", "port": 80}
    assert (found["apiVersion"], found["kind"]) == ("gateway.networking.k8s.io/v1beta1", "HTTPRoute")
    assert found["spec"] == {
        "parentRefs": [{"name": "public", "namespace": "infra"}],
        "rules": [
            {
                "matches": [{"path": PATH, "headers": [{**header, "value": "blue"}]}],
                "filters": REWRITE,
                "backendRefs": [blue],
            },
            {
                "matches": [{"path": PATH, "headers": [{**header, "value": "green"}]}],
                "filters": REWRITE,
                "backendRefs": [green],
            },
            {
                "matches": [{"path": PATH}],
                "filters": REWRITE,
                "backendRefs": [{**blue, "weight": 90}, {**green, "weight": 10}],
            },
        ],
    }


def test_the_route_of_a_service_or_a_router_is_one_of_its_objects() -> None:
    workload = Workload("shop", "image:1", THROUGH, labels={"mlmagic.workspace": "w"})
    *_, found = objects.objects_of(workload, gateway="v1beta1")
    assert found["apiVersion"] == "gateway.networking.k8s.io/v1beta1"
    assert found["metadata"] == workload.metadata()
    assert found["spec"]["rules"] == [
        {"matches": [{"path": PATH}], "filters": REWRITE, "backendRefs": [{"name": "shop", "port": 80}]}
    ]


@pytest.mark.parametrize("config", [OPEN, replace(OPEN, compute_settings={"gateway": ""})])
def test_no_gateway_no_route(config: DeploymentConfig) -> None:
    kinds = [each["kind"] for each in objects.objects_of(Workload("shop", "image:1", config))]
    assert "HTTPRoute" not in kinds


def test_a_trial_has_no_route() -> None:
    assert "gateway" not in THROUGH.for_trial("kubernetes").compute_settings


def gateway(*addresses: str, **listener: Any) -> Mapping[str, Any]:
    status = {"addresses": [{"type": "IPAddress", "value": each} for each in addresses]}
    return {"spec": {"listeners": [{"protocol": "HTTP", "port": 80, **listener}]}, "status": status}


@pytest.mark.parametrize(
    ("found", "url"),
    [
        (gateway("203.0.113.7"), "http://203.0.113.7"),
        (gateway("203.0.113.7", port=8080), "http://203.0.113.7:8080"),
        (gateway("2001:db8::1", protocol="HTTPS", port=443), "https://[2001:db8::1]"),
        (gateway("203.0.113.7", hostname="api.example"), "http://api.example"),
        (gateway("203.0.113.7", hostname="*.example"), ""),
        (gateway("203.0.113.7", protocol="TCP"), ""),
        (gateway(), ""),
        ({"spec": {"listeners": []}}, ""),
    ],
)
def test_the_url_of_a_gateway(found: Mapping[str, Any], url: str) -> None:
    assert gateway_routes.url_of(found) == url


def route(*conditions: Mapping[str, str], parent: str = "public") -> Mapping[str, Any]:
    parents = [{"parentRef": {"name": parent}, "conditions": list(conditions)}]
    return {"metadata": {"name": "shop"}, "status": {"parents": parents}}


ACCEPTED = {"type": "Accepted", "status": "True", "reason": "Accepted", "message": ""}
UNRESOLVED = {"type": "ResolvedRefs", "status": "False", "reason": "BackendNotFound", "message": "no shop"}
CLOSED = {"type": "Accepted", "status": "False", "reason": "NotAllowedByListeners"}


@pytest.mark.parametrize(
    ("found", "through", "words"),
    [
        (
            route(ACCEPTED),
            gateway("203.0.113.7"),
            "callable at http://203.0.113.7/shop/score through Gateway infra/public",
        ),
        (route(ACCEPTED), gateway(), "callable through Gateway infra/public"),
        (
            route(ACCEPTED, UNRESOLVED),
            gateway("203.0.113.7"),
            "Gateway infra/public does not accept the HTTPRoute: BackendNotFound: no shop",
        ),
        (
            route(CLOSED),
            gateway("203.0.113.7"),
            "Gateway infra/public does not accept the HTTPRoute: NotAllowedByListeners",
        ),
        (
            route(ACCEPTED, parent="other"),
            gateway("203.0.113.7"),
            "Gateway infra/public has not accepted the HTTPRoute yet",
        ),
        (
            None,
            gateway("203.0.113.7"),
            "the HTTPRoute for Gateway infra/public was removed; the next update creates it",
        ),
        (route(ACCEPTED), None, "Gateway infra/public does not exist any more"),
    ],
)
def test_what_a_gateway_reports(
    found: Mapping[str, Any] | None, through: Mapping[str, Any] | None, words: str
) -> None:
    assert gateway_routes.words_of(found, through, "infra/public") == words


def test_a_package_has_the_route() -> None:
    assert "httproute.yaml" in manifests.kubernetes("shop", "image:1", THROUGH)
    assert "httproute.yaml" not in manifests.kubernetes("shop", "image:1", OPEN)
