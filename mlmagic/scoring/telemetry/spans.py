"""The spans of a request that was answered: its own, and that of the call of run() for it.

On the path of a request only the fields of `Answered` are packed; the rest is done where the spans are sent.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

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

    @classmethod
    def unpacked(cls, record: bytes) -> Answered:
        """What was `packed`."""
        span, run, *rest = marshal.loads(record)
        return cls(span and TraceContext(*span), run and TraceContext(*run), *rest)


def packed(span: TraceContext | None, run: TraceContext | None, *rest: Any) -> bytes:
    """The fields of an `Answered` in one piece, as they are queued and sent to the process that exports them.

    Each is one object, which the garbage collection does not visit.
    """
    return marshal.dumps((span and tuple(span), run and tuple(run), *rest))


def traces(resource: Mapping[str, str], answered: Iterable[bytes]) -> bytes:
    """An ExportTraceServiceRequest of the spans of all these requests, each a packed `Answered`."""
    return otlp.traces(resource, (span for each in answered for span in spans_of(each)))


def spans_of(record: bytes) -> list[Span]:
    """The span of a request, a packed `Answered`, and that of run() if it was called."""
    answered = Answered.unpacked(record)
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
