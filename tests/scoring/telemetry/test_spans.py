"""What a collector gets of a request: the same, however it was encoded."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from mlmagic.scoring.observed_request import ObservedRequest
from mlmagic.scoring.telemetry import otlp
from mlmagic.scoring.telemetry.spans import spans_of, traces
from mlmagic.scoring.telemetry.trace_context import TraceContext

CALLED = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "a" * 16, "00f067aa0ba902b7", True, "vendor=1")
FIRST = TraceContext("1" * 32, "b" * 16)
RECORD = ObservedRequest(
    tuple(FIRST), tuple(FIRST.child()), b"id-1", b"POST", b"/score", 200, 62, 19, 0.035,
    5.00002, 5.0, 5.0001, 1_700_000_000_123_456_789, True, False, False,
)  # fmt: skip
RESOURCE = {"service.name": "100 %s"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"context": tuple(CALLED), "run": tuple(CALLED.child())},
        {"target": b"/score?x=1%20y"},
        {"target": b"http://host/a%20b"},
        {"target": b'/%s"%d\\\xe9', "method": b"%s"},
        {"status": 503, "exec_ms": None},
        {"status": 500, "run_failed": True, "exec_ms": None, "called": 0.0},
        {"answered_bytes": None, "exec_ms": None},
        {"answered_bytes": None, "failed": True},
        {"has_run": False, "exec_ms": None, "called": 0.0, "answered_bytes": 0},
    ],
)
def test_each_request_as_its_spans(changes: dict[str, Any]) -> None:
    record = RECORD._replace(**changes)
    assert traces(RESOURCE, [tuple(record)]) == otlp.traces(RESOURCE, spans_of(tuple(record)))


def test_ids_that_nobody_knows_are_made() -> None:
    records = [tuple(RECORD._replace(context=None, run=None))] * 3
    message = orjson.loads(traces(RESOURCE, records))
    spans = message["resourceSpans"][0]["scopeSpans"][0]["spans"]
    requests, runs = spans[::2], spans[1::2]
    assert len({span["traceId"] for span in requests}) == len({span["spanId"] for span in spans}) / 2 == 3
    for request, run in zip(requests, runs, strict=True):
        assert (run["traceId"], run["parentSpanId"]) == (request["traceId"], request["spanId"])
        assert [len(request[name]) for name in ("traceId", "spanId")] == [32, 16]
        assert "parentSpanId" not in request


def test_no_spans() -> None:
    assert traces(RESOURCE, []) == otlp.traces(RESOURCE, [])
