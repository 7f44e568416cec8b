"""The HTTP server that Prometheus scrapes and discovers services at.

GET /metrics    the metrics of the workspace
GET /targets    itself and all services to scrape (http_sd)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mlmagic.core.scrape_targets import PATH
from mlmagic.engine.monitoring.monitoring import Monitoring
from mlmagic.errors import MLMagicError, UsageError
from mlmagic.scoring.http.allowed_hosts import AllowedHosts

TARGETS = "/targets"
_ADDRESS = re.compile(r"([\w.-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?")
_TEXT = "text/plain; charset=utf-8"


@contextmanager
def listening(monitoring: Monitoring, host: str, port: int) -> Iterator[ThreadingHTTPServer]:
    """The server, bound; its ``serve_forever`` answers. Port 0 is a free one. Raises `UsageError`."""
    allowed = AllowedHosts.of("", host)

    class Handler(BaseHTTPRequestHandler):
        timeout = 30  # a connection that sends nothing costs a thread
        server: ThreadingHTTPServer

        def do_GET(self) -> None:
            named = self.headers.get("Host", "")
            if allowed is not None and not allowed.admits(named.encode("latin-1", "replace")):
                self._answer(421, _TEXT, f"Host {named[:100]!r} is not a name of this machine.\n".encode())
                return
            path = self.path.partition("?")[0]
            try:
                if path == PATH:
                    body, kind = monitoring.metrics().page(self.headers.get("Accept", ""))
                    self._answer(200, kind, body)
                elif path == TARGETS:
                    self._answer(200, "application/json", json.dumps(self._targets(named)).encode())
                else:
                    self._answer(404, _TEXT, f"GET {PATH} or GET {TARGETS}\n".encode())
            except MLMagicError as error:  # the database is away
                self._answer(503, _TEXT, f"{error}\n".encode())

        do_HEAD = do_GET

        def _targets(self, named: str) -> list[dict[str, object]]:
            """With this server first, at the address at which Prometheus has just found it."""
            own = named if _ADDRESS.fullmatch(named) else f"{host}:{self.server.server_port}"
            here = {"targets": [own], "labels": {"workspace": monitoring.workspace}}
            return [here, *monitoring.targets(caller=self.client_address[0])]

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Requests come every few seconds: they are not printed."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            f"cannot listen on {host}:{port}: {reason}",
            hint="Choose another port, or an address of this machine.",
        ) from error
    with server:
        yield server
