"""Nobody gets in: every route x method x what is missing or foreign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import requests

from tests.support.jupyter_server import TOKEN, Server

pytestmark = pytest.mark.processes

ROUTES = (
    *("mlmagic/workspaces", "mlmagic/channel", "mlmagic/components/service_card.js"),
    *("mlmagic/metrics", "mlmagic/targets"),
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
EVIL = "http://evil.example"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture(scope="module")
def cookies(server: Server) -> Mapping[str, str]:
    """Those of a browser in which the user is logged in: it sends them along with any page's requests."""
    session = requests.Session()
    session.get(f"{server.url}/api/status?token={TOKEN}", timeout=10)
    session.get(f"{server.url}/tree?token={TOKEN}", timeout=10)
    return session.cookies.get_dict()


def headers_of(case: str, cookies: Mapping[str, str], server: Server) -> dict[str, str]:
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items() if name != "_xsrf")
    own = f"http://127.0.0.1:{server.port}"
    return {
        "no token": {"Referer": own},
        "wrong token": {"Authorization": "token other", "Referer": own},
        "foreign Host": {"Host": "evil.example", "Authorization": f"token {TOKEN}"},
        "foreign Origin": {"Cookie": cookie, "Origin": EVIL, "Referer": f"{EVIL}/page"},
        "no XSRF": {"Cookie": cookie, "Referer": f"{EVIL}/page"},
    }[case]


@pytest.mark.parametrize("case", ["no token", "wrong token", "foreign Host", "foreign Origin", "no XSRF"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("route", ROUTES)
def test_denied(server: Server, cookies: Mapping[str, str], route: str, method: str, case: str) -> None:
    headers = headers_of(case, cookies, server)
    if route.endswith("channel"):
        headers |= UPGRADE
        headers.setdefault("Origin", EVIL if case == "no XSRF" else f"http://127.0.0.1:{server.port}")
    response = requests.request(
        method, f"{server.url}/{route}", headers=headers, timeout=10, allow_redirects=False
    )
    assert response.status_code in (302, 401, 403, 404, 405)
    assert "ws" not in response.text.split()


def get(server: Server, route: str, **headers: Any) -> requests.Response:
    return requests.get(
        f"{server.url}/{route}", headers={"Authorization": f"token {TOKEN}", **headers}, timeout=10
    )


def test_let_in(server: Server) -> None:
    (first, *_) = get(server, "mlmagic/workspaces").json()["workspaces"]
    assert (first["name"], first["key"]) == ("ws", server.location.key)
    assert str(server.location.folder) not in str(first)
    module = get(server, "mlmagic/components/service_card.js")
    assert "export function serviceCard" in module.text
    assert "javascript" in module.headers["Content-Type"]


def test_prometheus_reads_a_workspace_with_the_token(server: Server) -> None:
    found = get(server, "mlmagic/metrics")
    assert found.headers["Content-Type"].startswith("text/plain; version=")
    assert "# TYPE mlmagic_service_state gauge" in found.text
    assert get(server, f"mlmagic/targets?workspace={server.location.key}").json() == []
    absent = get(server, "mlmagic/targets?workspace=0123456789abcdef")
    assert (absent.status_code, "0123456789abcdef" in absent.text) == (404, True)


@pytest.mark.parametrize(
    "path", ["../component.py", "%2e%2e/component.py", "..%2fcomponent.py", "other.js", ""]
)
def test_only_the_components_are_served(server: Server, path: str) -> None:
    assert get(server, f"mlmagic/components/{path}").status_code in (403, 404)
