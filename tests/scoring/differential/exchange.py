"""Sending one request byte for byte, and what came back, in a form that can be compared."""

from __future__ import annotations

import json
import re
import socket
from dataclasses import dataclass, field
from http.client import HTTPResponse
from typing import Any

TIMEOUT_S = 30.0

_FRAMING = {"date", "connection", "server", "content-length", "transfer-encoding", "keep-alive"}
"""How the message travels, and from whom: no part of the contract."""

_NEW_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MADE_ANEW = {"x-request-id", "x-ms-request-id"}


@dataclass(frozen=True)
class Request:
    """One line of the table; ``headers`` are sent as they are, and no others but Host and the length."""

    name: str
    method: str = "POST"
    target: str = "/score"
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def message(self) -> bytes:
        headers = {"Host": "service", "Connection": "close", **self.headers}
        if "Transfer-Encoding" not in headers and (self.body or self.method in ("POST", "PUT")):
            headers["Content-Length"] = str(len(self.body))
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


@dataclass(frozen=True)
class Answer:
    """Status, headers (several values of one name in their order) and body."""

    status: int
    headers: dict[str, tuple[str, ...]]
    body: bytes

    @property
    def json(self) -> Any:
        """Raises ValueError. NaN and the infinities are read, as Python's clients do."""
        return json.loads(self.body)

    @property
    def aspects(self) -> dict[str, Any]:
        """All that is compared, by name."""
        return {"status": self.status, **_body_aspects(self.body), **self.headers}


def send(port: int, request: Request) -> Answer:
    """What a server on the loopback answers."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as client:
        client.sendall(request.message())
        response = HTTPResponse(client, method=request.method)
        response.begin()
        body = response.read()
    headers: dict[str, tuple[str, ...]] = {}
    for name, value in response.getheaders():
        if (name := name.lower()) not in _FRAMING:
            headers[name] = (*headers.get(name, ()), _comparable(name, value))
    return Answer(response.status, headers, body)


def _comparable(name: str, value: str) -> str:
    if name == "allow":
        return ", ".join(sorted(value.split(", ")))
    if name in _MADE_ANEW and _NEW_ID.fullmatch(value):
        return "<new>"
    return "<milliseconds>" if name == "x-ms-run-fn-exec-ms" and re.fullmatch(r"\d+\.\d{3}", value) else value


def _body_aspects(body: bytes) -> dict[str, Any]:
    """The body; of the service's description what it says of input and output, and all the rest."""
    try:
        value = json.loads(body)
    except ValueError:
        return {"body": repr(body)}
    schemas = _schemas(value)
    if schemas is None:
        return {"body": _canonical(value)}
    described = {name: schemas.pop(f"Service{name.title()}", None) for name in ("input", "output")}
    return {
        **{f"swagger {name}": _canonical(schema) for name, schema in described.items()},
        "swagger outline": _outline(value),
        "swagger": _canonical(value),
    }


def _outline(document: dict[str, Any]) -> str:
    """Name, versions, and what may be asked for where."""
    asked = {
        f"{method} {path}": (operation.get("operationId"), operation.get("security"))
        for path, operations in document.get("paths", {}).items()
        for method, operation in operations.items()
    }
    version = document.get("swagger") or document.get("openapi")
    info = {name: text for name, text in document.get("info", {}).items() if name != "description"}
    return _canonical([version, info, asked])


def _schemas(value: Any) -> dict[str, Any] | None:
    if isinstance(value, dict) and ("swagger" in value or "openapi" in value):
        found = value.get("definitions") or value.get("components", {}).get("schemas")
        return found if isinstance(found, dict) else None
    return None


def _canonical(value: Any) -> str:
    """JSON without what does not matter in it; 1 and 1.0 are not the same."""
    return json.dumps(value, sort_keys=True)
