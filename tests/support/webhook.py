"""A subscriber to events on the loopback address, and its fixture."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class Hook:
    """A subscriber on the loopback address; tests say how it answers."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        """What the next requests are answered with; then 200."""
        self.validates = True
        self.allows = ""
        self.hangs: threading.Event | None = None
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers["aeg-event-type"] == "SubscriptionValidation":
                    code = json.loads(body)[0]["data"]["validationCode"]
                    return self.answer(200, {}, {"validationResponse": code} if hook.validates else {})
                if hook.hangs is not None:
                    hook.hangs.wait(30)
                hook.requests.append((dict(self.headers), body))
                status, headers = hook.answers.pop(0) if hook.answers else (200, {})
                return self.answer(status, headers, {})

            def do_OPTIONS(self) -> None:
                hook.asked = self.headers["WebHook-Request-Origin"]
                self.answer(200, {"WebHook-Allowed-Origin": hook.allows} if hook.allows else {}, {})

            def answer(self, status: int, headers: dict[str, str], body: dict[str, Any]) -> None:
                text = json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                return

        self.asked = ""
        self._handler = Handler
        self._serve(0)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"

    def _serve(self, port: int) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", port), self._handler)
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def goes_down(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def comes_back(self) -> None:
        self._serve(self.port)

    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.requests]


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    if hook.hangs is not None:
        hook.hangs.set()
    hook.goes_down()
