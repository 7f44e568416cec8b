"""The ingestion endpoint of an Application Insights resource, on the loopback address."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Ingestion:
    """Keeps the envelopes that it gets. ``statuses`` are the next answers; then 200."""

    def __init__(self) -> None:
        self.envelopes: list[dict[str, Any]] = []
        self.paths: set[str] = set()
        self.statuses: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers["Content-Encoding"] == "gzip":
                    body = gzip.decompress(body)
                status = outer.statuses.pop(0) if outer.statuses else 200
                found = json.loads(body)
                outer.paths.add(self.path)
                if status == 200:
                    outer.envelopes += found
                answer = {"itemsReceived": len(found), "itemsAccepted": len(found), "errors": []}
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.connection_string = (
            f"InstrumentationKey=11111111-2222-3333-4444-555555555555;IngestionEndpoint={url}/"
        )

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The data of the envelopes of a type, such as ``RequestData``."""
        found = [each["data"] for each in self.envelopes]
        return [each["baseData"] for each in found if each["baseType"] == kind]


@contextmanager
def ingesting() -> Iterator[Ingestion]:
    """An endpoint that answers as long as the block runs."""
    made = Ingestion()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()
