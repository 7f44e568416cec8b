"""What a server keeps of the requests that it answers, for telemetry and for data collection.

`Observation.keep` is on the path of each request. Records are made of many requests at a time, and what can
be done still later is done by the process that delivers them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from sys import modules
from time import perf_counter, time_ns
from typing import TYPE_CHECKING

from mlmagic.scoring.calls.streams import Stream
from mlmagic.scoring.telemetry.names import HEADER, MODULE

if TYPE_CHECKING:
    from mlmagic.scoring.collection.collection import Collection
    from mlmagic.scoring.delivery.process import DeliveryProcess
    from mlmagic.scoring.http.request import Request
    from mlmagic.scoring.http.response import Response
    from mlmagic.scoring.observed_request import Fields
    from mlmagic.scoring.telemetry.telemetry import Telemetry

MOST_REQUESTS, MOST_BYTES = 128, 1 << 18
"""So much is sent in one piece: meanwhile no request is answered."""
FLUSH_SECONDS = 0.1
"""How long a request waits for others to be sent with."""

Contexts = tuple["Fields | None", "Fields | None"]
"""Of the span of a request, and of that of run(), as far as their ids are known."""
_UNKNOWN: Contexts = (None, None)
Kept = tuple["Request", "Response", float, int, bool, bool]
"""A request, its answer, its end by both clocks, whether it is collected, and whether a stream has failed."""
_NOT_OBSERVED = frozenset([b"/", b"/metrics"])
"""What asks for these asks again and again, and says nothing of those who use the service."""


class Observation:
    """Observes requests and their answers, and has what is kept of them delivered."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        process: DeliveryProcess,
        telemetry: Telemetry | None,
        collection: Collection,
    ) -> None:
        self._loop, self._process = loop, process
        self._telemetry, self._collection = telemetry, collection
        self._traces = None if telemetry is None else telemetry.traces
        self._collects = collection.records_requests
        kind = None if self._traces is None else self._traces.kind
        self._span_kinds = () if kind is None else (kind,)
        """Empty where this process sends the spans."""
        self._row_kinds = (collection.record_with(process),) if self._collects else ()
        self._kept: list[Kept] = []
        self._bytes = 0
        """Of their bodies."""
        self._is_due = False
        self.is_on = telemetry is not None or self._collects
        """Whether anything is kept of requests."""
        self._may_follow = telemetry is not None
        """Whether the script may still begin to use opentelemetry."""
        self._follow_script()

    def keep(self, request: Request, response: Response) -> None:
        """Take a request and its answer. A stream is only about to be sent; it is kept at its end."""
        # Few calls: each takes about a percent of the time of a small model.
        if self._may_follow and MODULE in modules:
            self._follow_script()
        is_collected = self._collects and not self._collection.has_collector
        if response.is_stream and isinstance(response, Stream):
            self._await_end(request, response, is_collected)
            return
        self._kept.append((request, response, perf_counter(), time_ns(), is_collected, False))
        received = request.received
        self._bytes += len(request.body if received is None else received) + len(response.body)
        if len(self._kept) >= MOST_REQUESTS or self._bytes >= MOST_BYTES:
            self._send()
        elif not self._is_due:
            self._send_soon()

    def _await_end(self, request: Request, stream: Stream, is_collected: bool) -> None:
        """Its generator goes on after the head of the answer, and its spans end with it."""
        counted = stream.on_end

        def ended(failed: bool) -> None:
            counted(failed)
            self._kept.append((request, stream, perf_counter(), time_ns(), is_collected, failed))
            if not self._is_due:
                self._send_soon()

        stream.on_end = ended

    def _send_soon(self) -> None:
        self._is_due = True
        self._loop.call_later(FLUSH_SECONDS, self._flush)

    def _flush(self) -> None:
        self._is_due = False
        self._send()

    def _send(self) -> None:
        """Have delivered what was kept."""
        kept, self._kept, self._bytes = self._kept, [], 0
        both, spans, rows = self._records(kept)
        if self._traces is not None and not self._span_kinds:
            for record in [*both, *spans]:
                self._traces.add(record)
            both, spans, rows = [], [], [*both, *rows]
        for kinds, records in (
            (self._span_kinds + self._row_kinds, both),
            (self._span_kinds, spans),
            (self._row_kinds, rows),
        ):
            if records:
                self._process.add(kinds, records)

    def _records(self, kept: Sequence[Kept]) -> tuple[list[Fields], list[Fields], list[Fields]]:
        """The fields of an `ObservedRequest` each: for spans and rows, for spans only, and for rows only."""
        both: list[Fields] = []
        spans: list[Fields] = []
        rows: list[Fields] = []
        for request, response, clock, end, is_collected, failed in kept:
            is_scored = bool(request.called)  # then its body was one for the script
            if not is_scored and request.path in _NOT_OBSERVED:
                continue
            request.recorded = True
            contexts = None
            if self._traces is not None:
                are_unknown = request.contexts is None and HEADER not in request.fields
                contexts = _UNKNOWN if are_unknown else _contexts(request)
            bodies = self._collection.bodies_of(request, response) if is_collected and is_scored else None
            context, run = contexts or _UNKNOWN
            is_stream, received, exec_ms = response.is_stream, request.received, response.exec_ms
            record: Fields = (
                context,
                run,
                request.identity,
                request.method,
                request.target,
                response.status,
                len(request.body if received is None else received),
                None if is_stream else len(response.body),
                None if is_stream else exec_ms,
                request.called,
                request.arrived,
                clock,
                end,
                response.run_failed or exec_ms is not None,
                failed,
                response.run_failed,
            )
            if bodies is None:
                if contexts is not None:
                    spans.append(record)
            elif contexts is None:
                rows.append(record + bodies)
            else:
                both.append(record + bodies)
        return both, spans, rows

    def _follow_script(self) -> None:
        """Where it uses opentelemetry, it has the current span from the next request on."""
        if self._telemetry is not None and MODULE in modules:
            self._telemetry.follow()
            self._may_follow = False

    def close(self) -> None:
        """Have delivered what is waiting, for a few seconds at most."""
        self._send()
        self._collection.close()
        if self._telemetry is not None:
            self._telemetry.close()


def _contexts(request: Request) -> Contexts | None:
    """None if nobody keeps its spans."""
    from mlmagic.scoring.telemetry.telemetry import contexts_of

    contexts = contexts_of(request)
    return contexts.fields() if contexts.span.is_sampled else None
