"""The receiver of an OpenTelemetry collector, for OTLP over HTTP, with OpenTelemetry's own types."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_IDS = ("traceId", "spanId", "parentSpanId")


class Collector:
    """Keeps what it gets. ``statuses`` are the next answers; then 200."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.spans: list[Any] = []
        self.lines: list[Any] = []
        self.metrics: list[Any] = []
        self.resources: list[dict[str, str]] = []
        """Of spans and lines."""
        self.measured: list[dict[str, str]] = []
        """The resources of metrics."""
        self.headers: list[dict[str, str]] = []
        self.statuses: list[int] = []
        self.posts = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.posts += 1
                status = outer.statuses.pop(0) if outer.statuses else 200
                if status == 200:
                    assert self.headers["Content-Type"] == "application/json"
                    if self.headers["Content-Encoding"] == "gzip":
                        body = gzip.decompress(body)
                    outer._keep(self.path, json.loads(body), dict(self.headers))
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer((address, 0), Handler)
        self.url = f"http://{address}:{self.server.server_address[1]}"

    def _keep(self, path: str, message: Any, headers: dict[str, str]) -> None:
        from google.protobuf.json_format import ParseDict
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        self.headers.append(headers)
        _as_protobuf(message)
        if path == "/v1/traces":
            traces = ParseDict(message, ExportTraceServiceRequest())
            for each in traces.resource_spans:
                self.resources.append(attributes(each.resource))
                self.spans += [span for scope in each.scope_spans for span in scope.spans]
        elif path == "/v1/metrics":
            metrics = ParseDict(message, ExportMetricsServiceRequest())
            for of_service in metrics.resource_metrics:
                self.measured.append(attributes(of_service.resource))
                self.metrics += [metric for scope in of_service.scope_metrics for metric in scope.metrics]
        else:
            assert path == "/v1/logs"
            logs = ParseDict(message, ExportLogsServiceRequest())
            for each in logs.resource_logs:
                self.resources.append(attributes(each.resource))
                self.lines += [line for scope in each.scope_logs for line in scope.log_records]

    @property
    def requests(self) -> list[Any]:
        """The spans of requests, without those below them."""
        return [span for span in self.spans if span.kind == span.SPAN_KIND_SERVER]

    def latest(self, name: str) -> Any:
        """The metric of this name that came last; None without one."""
        return next((metric for metric in reversed(self.metrics) if metric.name == name), None)

    def text(self) -> list[str]:
        """The lines of the log."""
        return [line.body.string_value for line in self.lines]


def attributes(described: Any) -> dict[str, Any]:
    """The attributes of a resource, a span or a line."""
    return {
        each.key: each.value.int_value if each.value.HasField("int_value") else each.value.string_value
        for each in described.attributes
    }


def _as_protobuf(value: Any) -> None:
    """In OTLP ids are hexadecimal, where the JSON of Protobuf has Base64."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key in _IDS:
                value[key] = base64.b64encode(bytes.fromhex(each)).decode()
            else:
                _as_protobuf(each)
    elif isinstance(value, list):
        for each in value:
            _as_protobuf(each)


@contextmanager
def collecting(address: str = "127.0.0.1") -> Iterator[Collector]:
    """A receiver on a free port of an address of this machine."""
    collector = Collector(address)
    thread = threading.Thread(target=collector.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.server.shutdown()
        collector.server.server_close()
        thread.join()
