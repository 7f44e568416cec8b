"""A span for each request, each line of the log, and metrics, for an OpenTelemetry collector.

``enable_app_insights`` of a deployment turns it on, as in Azure ML v1, where Application Insights has the
requests and what the script prints. Of the caller's trace, a request is a part (W3C Trace Context).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from mlmagic.scoring.logs import listen
from mlmagic.scoring.telemetry import otlp
from mlmagic.scoring.telemetry.destination import (
    LOGS,
    METRICS,
    SIGNALS,
    TRACES,
    Destination,
    InvalidDestination,
    destination,
    is_enabled,
    metric_interval,
    note_on_protocol,
    replica,
    resource,
)
from mlmagic.scoring.telemetry.exporter import Exporter
from mlmagic.scoring.telemetry.metric_reader import MetricReader
from mlmagic.scoring.telemetry.otlp import Line, Span
from mlmagic.scoring.telemetry.trace_context import HEADER, TraceContext, context_of

if TYPE_CHECKING:
    from mlmagic.scoring.calls.scorer import Reply
    from mlmagic.scoring.http.request import Request
    from mlmagic.scoring.http.response import Response
    from mlmagic.scoring.metrics import Counters

_LONGEST_LINE = 64 * 1024
"""Characters of a line; Application Insights took as many."""
_REQUEST_ID = "mlmagic.request_id"


class Telemetry:
    """The traces, the log and the metrics of one server process."""

    def __init__(
        self,
        traces: Exporter | None,
        logs: Exporter | None,
        metrics: Callable[[Counters], MetricReader] | None = None,
    ) -> None:
        """``metrics`` begins to send those of a server."""
        self._traces, self._logs, self._metrics = traces, logs, metrics
        self._reader: MetricReader | None = None
        self._identify: Callable[[Request], str] = lambda request: ""
        self._answering: dict[str, TraceContext] = {}
        if logs is not None:
            listen(self._heard)

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Telemetry | None:
        """None unless it is turned on and there is a place to send to. The log says what has no effect."""
        if not is_enabled(environment):
            return None
        try:
            places = {signal: destination(environment, signal) for signal in SIGNALS}
            seconds = metric_interval(environment)
        except InvalidDestination as error:
            _say(f"no traces, logs or metrics are sent: {error}")
            return None
        if note := note_on_protocol(environment):
            _say(note)
        if not any(places.values()):
            return None
        described = {**replica(), **resource(environment)}
        of_process = {**described, "process.pid": str(os.getpid())}
        metrics = places[METRICS]
        return cls(
            _exporter("traces", places[TRACES], partial(otlp.traces, of_process)),
            _exporter("lines of the log", places[LOGS], partial(otlp.logs, of_process)),
            partial(MetricReader, metrics, described, seconds) if metrics is not None else None,
        )

    def identify_with(self, identify: Callable[[Request], str]) -> None:
        """``identify`` returns the id of a request, which is in its lines of the log."""
        self._identify = identify

    def measure(self, counters: Counters) -> None:
        """Send the metrics of the server that counts in ``counters``, from now on."""
        if self._metrics is not None:
            self._reader = self._metrics(counters)

    def listen(self, request: Request, reply: Reply) -> Reply:
        """``reply``, which also ends the span of the request."""
        context = context_of(request.fields.get(HEADER))
        identity = self._identify(request)
        self._answering[identity] = context

        def heard(response: Response) -> None:
            reply(response)
            self._answering.pop(identity, None)
            if self._traces is not None and context.is_sampled:
                self._traces.add(_span(context, request, response, identity))

        return heard

    def _heard(self, stream: str, text: str, identity: str) -> None:
        if self._logs is None or not text:
            return
        attributes = {_REQUEST_ID: identity} if identity else {}
        context = self._answering.get(identity) if identity else None
        self._logs.add(Line(time.time_ns(), text[:_LONGEST_LINE], stream, attributes, context))

    def close(self) -> None:
        """Send what is left."""
        for part in (self._reader, self._traces, self._logs):
            if part is not None:
                part.close()


def _exporter(what: str, to: Destination | None, encode: Callable[[Sequence[Any]], bytes]) -> Exporter | None:
    return None if to is None else Exporter(what, to, encode)


def _span(context: TraceContext, request: Request, response: Response, identity: str) -> Span:
    end = time.time_ns()
    start = end - int((perf_counter() - request.arrived) * 1e9)
    method, path = request.method.decode("latin-1"), request.path.decode("latin-1")
    status = response.status
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "url.path": path,
        "http.response.status_code": status,
        "http.request.body.size": len(request.body),
        **({} if response.is_stream else {"http.response.body.size": len(response.body)}),
        **({"error.type": str(status)} if status >= 500 else {}),
        _REQUEST_ID: identity,
    }
    return Span(context, f"{method} {path}", start, end, attributes, status >= 500)


def _say(sentence: str) -> None:
    print(f"mlmagic: {sentence}", file=sys.stderr, flush=True)
