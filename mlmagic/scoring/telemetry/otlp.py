"""Spans, lines of the log and metrics in OTLP's JSON: pure functions.

Source: https://opentelemetry.io/docs/specs/otlp/ (JSON Protobuf Encoding), and the semantic conventions for
HTTP spans.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from mlmagic._version import __version__
from mlmagic.scoring.telemetry.trace_context import TraceContext

INTERNAL, SERVER = 1, 2
"""Kinds of spans: a part of the service's work, and a request to it."""
_ERROR = 2
_SCOPE = {"name": "mlmagic", "version": __version__}
_SEVERITIES = {"stdout": (9, "INFO"), "stderr": (13, "WARN")}

Value = str | int


TEXT = "\ue000"
"""In a span that is a form for others, the place of what differs: no text of a request has this character."""


class _Number(int):
    def __str__(self) -> str:
        return TEXT


NUMBER = _Number()
"""The same in place of a number."""


class Span(NamedTuple):
    """A request and its answer, or the call of run() for it."""

    context: TraceContext
    name: str
    start: int
    """Nanoseconds since the epoch."""
    end: int
    attributes: Mapping[str, Value]
    failed: bool
    kind: int = SERVER


class Line(NamedTuple):
    """A line of the log."""

    time: int
    """Nanoseconds since the epoch."""
    text: str
    stream: str
    """``stdout`` or ``stderr``."""
    attributes: Mapping[str, Value]
    context: TraceContext | None = None
    """Of the request that it belongs to."""

    def fields(self) -> tuple[Any, ...]:
        """As plain values, for another process."""
        context = None if self.context is None else tuple(self.context)
        return self.time, _encodable(self.text), self.stream, dict(self.attributes), context

    @classmethod
    def of(cls, fields: Sequence[Any]) -> Line:
        """The line with these `fields`."""
        time, text, stream, attributes, context = fields
        return cls(time, text, stream, attributes, None if context is None else TraceContext(*context))


def traces(resource: Mapping[str, str], spans: Iterable[Span]) -> bytes:
    """An ExportTraceServiceRequest; ``resource`` describes the service."""
    return encoded_traces(resource, encoded_spans(spans))


def encoded_traces(resource: Mapping[str, str], spans: str) -> bytes:
    """The same of spans that are encoded already."""
    scope = {"scope": _SCOPE, "spans": orjson.Fragment(f"[{spans}]")}
    return _request("resourceSpans", "scopeSpans", resource, scope)


def encoded_spans(spans: Iterable[Span]) -> str:
    """Spans in JSON, with commas between them."""
    return orjson.dumps([_span(each) for each in spans])[1:-1].decode()


def logs(resource: Mapping[str, str], lines: Iterable[Line]) -> bytes:
    """An ExportLogsServiceRequest."""
    scope = {"scope": _SCOPE, "logRecords": [_line(each) for each in lines]}
    return _request("resourceLogs", "scopeLogs", resource, scope)


def logs_of(resource: Mapping[str, str], lines: Iterable[Sequence[Any]]) -> bytes:
    """The same of the fields of lines."""
    return logs(resource, map(Line.of, lines))


def metrics(resource: Mapping[str, str], readings: Iterable[Sequence[Mapping[str, Any]]]) -> bytes:
    """An ExportMetricsServiceRequest of readings that are encoded already."""
    found = [metric for reading in readings for metric in reading]
    return _request("resourceMetrics", "scopeMetrics", resource, {"scope": _SCOPE, "metrics": found})


def _request(outer: str, inner: str, resource: Mapping[str, str], scope: Mapping[str, Any]) -> bytes:
    described = {"attributes": attributes(resource)}
    return orjson.dumps({outer: [{"resource": described, inner: [scope]}]})


def _span(span: Span) -> dict[str, Any]:
    made: dict[str, Any] = {
        "traceId": span.context.trace_id,
        "spanId": span.context.span_id,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "attributes": attributes(span.attributes),
    }
    if span.context.parent_id:
        made["parentSpanId"] = span.context.parent_id
    if span.failed:
        made["status"] = {"code": _ERROR}
    return made


def _line(line: Line) -> dict[str, Any]:
    number, text = _SEVERITIES[line.stream]
    made: dict[str, Any] = {
        "timeUnixNano": str(line.time),
        "observedTimeUnixNano": str(line.time),
        "severityNumber": number,
        "severityText": text,
        "body": {"stringValue": line.text},
        "attributes": attributes({"log.iostream": line.stream, **line.attributes}),
    }
    if line.context is not None:
        made |= {"traceId": line.context.trace_id, "spanId": line.context.span_id}
    return made


def attributes(values: Mapping[str, Value]) -> Sequence[dict[str, Any]]:
    """Attributes as OTLP writes them."""
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Value) -> dict[str, str]:
    # 64-bit numbers are text in the JSON of Protobuf.
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": _encodable(value)}


def _encodable(text: str) -> str:
    """What a script prints may hold lone surrogates, which are no UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")
