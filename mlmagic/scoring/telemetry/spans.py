"""The spans of a request that was answered: its own, and that of the call of run() for it.

They are made where they are sent, of the fields of an `ObservedRequest`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from mlmagic.scoring.delivery.turns import turns
from mlmagic.scoring.http.request import path_of
from mlmagic.scoring.observed_request import Fields, ObservedRequest
from mlmagic.scoring.telemetry import otlp
from mlmagic.scoring.telemetry.otlp import INTERNAL, NUMBER, TEXT, Span
from mlmagic.scoring.telemetry.trace_context import TraceContext, context_of, new_digits

REQUEST_ID = "mlmagic.request_id"
_TIMES, _END, _TIMES_END, _SPANS_END = map(
    ObservedRequest._fields.index, ("exec_ms", "end", "has_run", "sent")
)
_DIGITS = 64
"""Of the ids of one request: 32 of its trace, 16 of its span, 16 of that of run()."""


class Answered(NamedTuple):
    """What the spans say; times are nanoseconds since the epoch."""

    method: str
    path: str
    status: int
    asked_bytes: int
    answered_bytes: int | None
    identity: str
    start: int
    end: int
    run_start: int
    has_run: bool
    failed: bool
    run_failed: bool


def traces(resource: Mapping[str, str], records: Sequence[Fields]) -> bytes:
    """An ExportTraceServiceRequest of the spans of all these requests."""
    return otlp.encoded_traces(resource, ",".join(map(_all_encoded, turns(records))))


def _all_encoded(records: Sequence[Fields]) -> str:
    digits = new_digits(_DIGITS * len(records))
    known: tuple[Any, ...] = ()
    pieces: list[str] = []
    # Neither a call for each nor an `ObservedRequest`: of these there are thousands a second.
    for at, fields in zip(range(0, len(digits), _DIGITS), records, strict=True):
        context, run, identity, method, target, status, asked, size = fields[:_TIMES]
        has_run, failed, run_failed = fields[_TIMES_END:_SPANS_END]
        new = digits[at : at + _DIGITS]  # of ids that nobody knows yet
        trace, span, parent = context[:3] if context else (new[:32], new[32:48], "")
        kind = (method, target, status, size is None, bool(parent), has_run, failed, run_failed)
        if kind != known:  # they are mostly alike
            known, form = kind, _form(*kind)
        start, run_start = _starts(*fields[_TIMES:_TIMES_END])
        end, identity = str(fields[_END]), identity.decode("latin-1")
        values = [trace, span, str(start), end, str(asked)]  # in the order of the JSON
        if size is not None:
            values.append(str(size))
        values.append(identity)
        if parent:
            values.append(parent)
        if has_run:
            values += (trace, run[1] if run else new[48:], str(run_start), end, identity, span)
        form[1::2] = values
        pieces += form
    return "".join(pieces)[: -len(",")]


def spans_of(fields: Fields) -> list[Span]:
    """The span of a request, and that of run() if it was called."""
    record = ObservedRequest(*fields)
    context = TraceContext(*record.context) if record.context else context_of(None)
    run = TraceContext(*record.run) if record.run else context.child()
    start, run_start = _starts(record.exec_ms, record.called, record.arrived, record.clock, record.end)
    answered = Answered(
        record.method.decode("latin-1"),
        path_of(record.target).decode("latin-1"),
        record.status,
        record.asked_bytes,
        record.answered_bytes,
        record.identity.decode("latin-1"),
        start,
        record.end,
        run_start,
        record.has_run,
        record.failed,
        record.run_failed,
    )
    return _spans(answered, context, run)


def _starts(exec_ms: float | None, called: float, arrived: float, clock: float, end: int) -> tuple[int, int]:
    """When the request was complete, and when run() was called, in nanoseconds since the epoch.

    The latter is as long before the end as run() took, else when the script was called first.
    """
    start = end - int((clock - arrived) * 1e9)
    if exec_ms is not None:
        return start, end - int(exec_ms * 1e6)
    return start, end - int((clock - called) * 1e9) if called else end


@lru_cache(256)
def _form(
    method: bytes, target: bytes, status: int, is_stream: bool, has_parent: bool, *rest: bool
) -> list[str]:
    """The JSON of the spans of such requests, with a comma, in pieces: every other one is to be filled in.

    To encode the spans of each request takes longer.
    """
    answered = Answered(
        method.decode("latin-1"),
        path_of(target).decode("latin-1"),
        status,
        NUMBER,
        None if is_stream else NUMBER,
        TEXT,
        NUMBER,
        NUMBER,
        NUMBER,
        *rest,
    )
    context = TraceContext(TEXT, TEXT, TEXT if has_parent else "")
    json = otlp.encoded_spans(_spans(answered, context, context.child()._replace(span_id=TEXT))) + ","
    pieces = json.split(TEXT)
    return [piece for each in pieces for piece in (each, "")][:-1]


def _spans(answered: Answered, context: TraceContext, run: TraceContext) -> list[Span]:
    return [_request(answered, context), *([_run(answered, run)] if answered.has_run else [])]


def _request(answered: Answered, context: TraceContext) -> Span:
    method, path, status, size = answered.method, answered.path, answered.status, answered.answered_bytes
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
    return Span(context, f"{method} {path}", answered.start, answered.end, attributes, failed)


def _run(answered: Answered, context: TraceContext) -> Span:
    failed = answered.failed or answered.run_failed
    attributes = {REQUEST_ID: answered.identity}
    return Span(context, "run", answered.run_start, answered.end, attributes, failed, INTERNAL)
