"""What a server keeps of the requests that it answers, for telemetry and for data collection.

Both are sent to the process that delivers them in one piece: this is on the path of each request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlmagic.scoring.calls.streams import Stream

if TYPE_CHECKING:
    from mlmagic.scoring.calls.scorer import Reply
    from mlmagic.scoring.collection.collection import Collection
    from mlmagic.scoring.collection.request_records import Fields
    from mlmagic.scoring.delivery.process import DeliveryProcess
    from mlmagic.scoring.http.request import Request
    from mlmagic.scoring.http.response import Response
    from mlmagic.scoring.telemetry.telemetry import Telemetry

_SPAN_BYTES = 300
"""About so much is sent of a request besides its body and its answer."""


class Observation:
    """Records requests and their answers; the process that delivers them is started with the first."""

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

    def listen(self, request: Request, reply: Reply) -> Reply:
        """``reply``, which also records the request and its answer."""
        if not request.identity:
            self._identify(request)
        telemetry, collection = self._telemetry, self._collection
        if telemetry is not None:
            telemetry.begin(request)

        def heard(response: Response) -> None:
            if isinstance(response, Stream):
                self._await_end(response, request)
                reply(response)
                spans = None
            else:
                reply(response)
                spans = None if telemetry is None else telemetry.end(request, response)
            bodies = None if request.asked is None else collection.record_of(request, response)
            if spans is not None or bodies is not None:
                self._send(spans, bodies)

        return heard

    def collect(self, handler: Callable[[Request, Reply], None]) -> Callable[[Request, Reply], None]:
        """``handler``, the bodies of whose requests are recorded, if any are."""
        if self._body_kind is None:
            return handler
        note = self._collection.note

        def collect(request: Request, reply: Reply) -> None:
            note(request)  # before the script has it
            handler(request, reply)

        return collect

    def _await_end(self, stream: Stream, request: Request) -> None:
        """Its generator goes on after the head of the answer, and its spans end with it."""
        telemetry, counted = self._telemetry, stream.on_end
        if telemetry is None:
            return

        def ended(failed: bool) -> None:
            counted(failed)
            if (spans := telemetry.end(request, stream, failed)) is not None:
                self._send(spans, None)

        stream.on_end = ended

    def _send(self, spans: tuple[Any, ...] | None, bodies: Fields | None) -> None:
        if spans is not None and self._span_kind is None:
            assert self._traces is not None
            self._traces.add(spans)
            spans = None
        size = _SPAN_BYTES
        item: tuple[Any, ...] = () if spans is None else (self._span_kind, spans)
        if bodies is not None:
            size += len(bodies[2]) + len(bodies[5])
            item += (self._body_kind, bodies)
        if item:
            self._process.add(item, size)

    def close(self) -> None:
        """Have delivered what is waiting, for a few seconds at most."""
        self._collection.close()
        if self._telemetry is not None:
            self._telemetry.close()
