"""What a server keeps of the requests that it answers, for telemetry and for data collection.

This is on the path of each request: what can be done later is done by the process that delivers the records.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import modules
from time import perf_counter, time_ns
from typing import TYPE_CHECKING

from mlmagic.scoring.calls.streams import Stream
from mlmagic.scoring.telemetry.names import HEADER, MODULE

if TYPE_CHECKING:
    from mlmagic.scoring.calls.scorer import Reply
    from mlmagic.scoring.collection.collection import Collection
    from mlmagic.scoring.delivery.process import DeliveryProcess
    from mlmagic.scoring.http.request import Request
    from mlmagic.scoring.http.response import Response
    from mlmagic.scoring.observed_request import BodyFields, Fields
    from mlmagic.scoring.telemetry.telemetry import Telemetry

Contexts = tuple["Fields | None", "Fields | None"]
"""Of the span of a request, and of that of run(), as far as their ids are known."""
_UNKNOWN: Contexts = (None, None)
_RECORD_BYTES = 300
"""About so much is sent of a request besides the bodies."""


class Observation:
    """Observes requests and their answers, and has what is kept of them delivered."""

    def __init__(
        self,
        process: DeliveryProcess,
        telemetry: Telemetry | None,
        collection: Collection,
        identify: Callable[[Request], bytes],
    ) -> None:
        """``identify`` gives a request its id."""
        self._process, self._telemetry, self._collection = process, telemetry, collection
        self._identify = identify
        self._traces = None if telemetry is None else telemetry.traces
        self._span_kind: int | None = getattr(self._traces, "kind", None)
        """None where this process sends them."""
        self._body_kind = collection.record_with(process) if collection.records_requests else None
        self.is_on = telemetry is not None or collection.records_requests
        """Whether anything is kept of requests."""

    def listen(self, request: Request, reply: Reply, is_scored: bool) -> Reply:
        """``reply``, which also keeps what is needed of the request and its answer.

        ``is_scored``: the script gets its body, which may be collected.
        """
        # Few calls: each takes about a percent of the time of a small model.
        identity = request.identity or self._identify(request)
        telemetry = self._telemetry
        if telemetry is not None:
            telemetry.answering[identity] = request
            if not telemetry.follows and MODULE in modules:
                telemetry.follow()
        collection = self._collection if is_scored and self._body_kind is not None else None

        def heard(response: Response) -> None:
            contexts = None
            if response.is_stream and isinstance(response, Stream):
                self._await_end(response, request)
                reply(response)
            else:
                reply(response)
                if telemetry is not None:
                    telemetry.answering.pop(identity, None)
                    if request.contexts is None and HEADER not in request.fields:
                        contexts = _UNKNOWN
                    else:
                        contexts = _contexts(request)
            bodies = None if collection is None else collection.bodies_of(request, response)
            if contexts is not None or bodies is not None:
                self._keep(request, response, contexts, bodies)

        return heard

    def _await_end(self, stream: Stream, request: Request) -> None:
        """Its generator goes on after the head of the answer, and its spans end with it."""
        telemetry, counted = self._telemetry, stream.on_end
        if telemetry is None:
            return

        def ended(failed: bool) -> None:
            counted(failed)
            telemetry.answering.pop(request.identity, None)
            if (contexts := _contexts(request)) is not None:
                self._keep(request, stream, contexts, None, failed)

        stream.on_end = ended

    def _keep(
        self,
        request: Request,
        response: Response,
        contexts: Contexts | None,
        bodies: tuple[BodyFields, BodyFields] | None,
        failed: bool = False,
    ) -> None:
        """For spans with these contexts, if any, and for collected data with these bodies, if any."""
        is_stream = response.is_stream
        exec_ms, run_failed = response.exec_ms, response.run_failed
        context, run = contexts or (None, None)
        sent, answered = bodies or (None, None)
        received = request.received
        record = (  # in the order of an `ObservedRequest`
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
            perf_counter(),
            time_ns(),
            run_failed or exec_ms is not None,
            failed,
            run_failed,
            sent,
            answered,
        )
        spans, rows = self._span_kind, self._body_kind
        if contexts is not None and spans is None:
            if self._traces is not None:
                self._traces.add(record)
            contexts = None
        if bodies is None:
            if contexts is not None:
                self._process.add((spans, record), _RECORD_BYTES)
            return
        size = len(bodies[0][0]) + len(bodies[1][0]) + _RECORD_BYTES
        self._process.add((rows, record) if contexts is None else (spans, record, rows, record), size)

    def close(self) -> None:
        """Have delivered what is waiting, for a few seconds at most."""
        self._collection.close()
        if self._telemetry is not None:
            self._telemetry.close()


def _contexts(request: Request) -> Contexts | None:
    """None if nobody keeps its spans."""
    from mlmagic.scoring.telemetry.telemetry import contexts_of

    contexts = contexts_of(request)
    return contexts.fields() if contexts.span.is_sampled else None
