"""The spans of a request that was answered: its own, and that of the call of run() for it.

On the path of a request only `Answered` is made; the rest is done where the spans are sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from mlmagic.scoring.telemetry import otlp
from mlmagic.scoring.telemetry.otlp import INTERNAL, Span
from mlmagic.scoring.telemetry.trace_context import TraceContext, context_of

REQUEST_ID = "mlmagic.request_id"


class Answered(NamedTuple):
    """A request and its answer; times are nanoseconds since the epoch."""

    span: TraceContext | None
    run: TraceContext | None
    """Their contexts, if somebody had to know their ids already."""
    identity: str
    method: bytes
    path: bytes
    status: int
    asked_bytes: int
    answered_bytes: int | None
    """None for a stream."""
    arrived: int
    ended: int
    began: int
    """When the script was called first; 0: never."""
    exec_ms: float | None
    """How long run() took; None for a stream, and where nobody knows."""
    called: bool
    """Whether run() was called."""
    failed: bool
    run_failed: bool


def traces(resource: Mapping[str, str], answered: Iterable[Answered]) -> bytes:
    """An ExportTraceServiceRequest of the spans of all these requests."""
    return otlp.traces(resource, (span for each in answered for span in spans_of(each)))


def spans_of(answered: Answered) -> list[Span]:
    """The span of the request, and that of run() if it was called."""
    context = answered.span or context_of(None)
    return [_request(answered, context), *([_run(answered, context)] if answered.called else [])]


def _request(answered: Answered, context: TraceContext) -> Span:
    method, path = answered.method.decode("latin-1"), answered.path.decode("latin-1")
    status, size = answered.status, answered.answered_bytes
    failed = answered.failed or status >= 500
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "url.path": path,
        "http.response.status_code": status,
        "http.request.body.size": answered.asked_bytes,
        **({} if size is None else {"http.response.body.size": size}),
        **({"error.type": str(status)} if failed else {}),
        REQUEST_ID: answered.identity,
    }
    return Span(context, f"{method} {path}", answered.arrived, answered.ended, attributes, failed)


def _run(answered: Answered, context: TraceContext) -> Span:
    """The call of run(): as long as the answer says, else from its begin to the end."""
    end = answered.ended
    start = answered.began or end
    if answered.exec_ms is not None:
        start = end - int(answered.exec_ms * 1e6)
    failed = answered.failed or answered.run_failed
    run = answered.run or context.child()
    return Span(run, "run", start, end, {REQUEST_ID: answered.identity}, failed, INTERNAL)
