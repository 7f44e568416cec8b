"""Spans for each request and its call of run(), each line of the log, and metrics, for a collector.

``enable_app_insights`` of a deployment turns it on, as in Azure ML v1, where Application Insights has the
requests and what the script prints. Of the caller's trace, a request is a part (W3C Trace Context).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from mlmagic.scoring.calls.streams import Stream
from mlmagic.scoring.logs import Identify, follow, listen
from mlmagic.scoring.telemetry import otlp
from mlmagic.scoring.telemetry.current_span import CurrentSpan
from mlmagic.scoring.telemetry.destination import (
    LOGS,
    METRICS,
    SIGNALS,
    TRACES,
    Destination,
    InvalidDestination,
    destination,
    is_enabled,
    is_sent,
    metric_interval,
    note_on_protocol,
    replica,
    resource,
    sends_to_azure_monitor,
)
from mlmagic.scoring.telemetry.exporter import Exporter, OtlpExporter
from mlmagic.scoring.telemetry.metric_reader import MetricReader
from mlmagic.scoring.telemetry.otlp import INTERNAL, Line, Span
from mlmagic.scoring.telemetry.otlp_metrics import encoded
from mlmagic.scoring.telemetry.trace_context import HEADER, STATE, TraceContext, context_of

if TYPE_CHECKING:
    from mlmagic.scoring.calls.scorer import Reply
    from mlmagic.scoring.http.request import Request
    from mlmagic.scoring.http.response import Response
    from mlmagic.scoring.metrics import Counters

_LONGEST_LINE = 64 * 1024
"""Characters of a line; Application Insights took as many."""
_REQUEST_ID = "mlmagic.request_id"


@dataclass(slots=True)
class Answering:
    """A request that is being answered."""

    request: Request
    identity: str
    span: TraceContext
    run: TraceContext
    """The span of run()."""
    began: int = 0
    """When its script was called first, in nanoseconds since the epoch; 0: not yet."""


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
        self._answering: dict[str, Answering] = {}
        """By the id of the request."""
        self._current = CurrentSpan.if_installed()
        if logs is not None:
            listen(self._heard)
        follow(self._works_on)

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Telemetry | None:
        """None unless it is turned on and there is a place to send to. The log says what has no effect."""
        if not is_enabled(environment):
            return None
        described = {**replica(), **resource(environment)}
        of_process = {**described, "process.pid": str(os.getpid())}
        try:
            if sends_to_azure_monitor(environment):
                return cls._of_azure_monitor(environment, described, of_process)
            places = {signal: destination(environment, signal) for signal in SIGNALS}
            seconds = metric_interval(environment)
        except InvalidDestination as error:
            _say(f"no traces, logs or metrics are sent: {error}")
            return None
        if note := note_on_protocol(environment):
            _say(note)
        if not any(places.values()):
            return None
        metrics = places[METRICS]
        return cls(
            _exporter("traces", places[TRACES], partial(otlp.traces, of_process)),
            _exporter("lines of the log", places[LOGS], partial(otlp.logs, of_process)),
            partial(MetricReader, partial(_metrics_to, metrics), encoded, described, seconds)
            if metrics is not None
            else None,
        )

    @classmethod
    def _of_azure_monitor(
        cls, environment: Mapping[str, str], described: Mapping[str, str], of_process: Mapping[str, str]
    ) -> Telemetry:
        """To Application Insights. Raises `InvalidDestination`."""
        from mlmagic.scoring.telemetry.azure_monitor import AzureMonitor

        seconds = metric_interval(environment)
        to = AzureMonitor(environment)
        return cls(
            to.traces(of_process) if is_sent(environment, TRACES) else None,
            to.logs(of_process) if is_sent(environment, LOGS) else None,
            partial(MetricReader, to.metrics, to.changes, described, seconds)
            if is_sent(environment, METRICS)
            else None,
        )

    def identify_with(self, identify: Callable[[Request], str]) -> None:
        """``identify`` returns the id of a request, which is in its lines of the log."""
        self._identify = identify

    def measure(self, counters: Counters) -> None:
        """Send the metrics of the server that counts in ``counters``, from now on."""
        if self._metrics is not None:
            self._reader = self._metrics(counters)

    def listen(self, request: Request, reply: Reply) -> Reply:
        """``reply``, which also ends the spans of the request."""
        span = context_of(request.fields.get(HEADER), request.fields.get(STATE))
        answering = Answering(request, self._identify(request), span, span.child())
        self._answering[answering.identity] = answering

        def heard(response: Response) -> None:
            if isinstance(response, Stream):  # its generator goes on after the head
                counted = response.on_end

                def ended(failed: bool) -> None:
                    counted(failed)
                    self._end(answering, response, failed=failed)

                response.on_end = ended
                reply(response)
            else:
                reply(response)
                self._end(answering, response, failed=False)

        return heard

    def _end(self, answering: Answering, response: Response, *, failed: bool) -> None:
        self._answering.pop(answering.identity, None)
        if self._traces is None or not answering.span.is_sampled:
            return
        end = time.time_ns()
        self._traces.add(_request_span(answering, response, end, failed=failed))
        if response.exec_ms is not None or response.run_failed:
            self._traces.add(_run_span(answering, response, end, failed=failed))

    def _works_on(self, identify: Identify | None) -> None:
        """This thread, or task, calls the script for a request from now on, or has called it."""
        if identify is None:
            if self._current is not None:
                self._current.leave()
            return
        answering = self._answering.get(identify())
        if answering is not None:
            answering.began = answering.began or time.time_ns()
            if self._current is not None:
                self._current.enter(answering.run)

    def _heard(self, stream: str, text: str, identity: str) -> None:
        if self._logs is None or not text:
            return
        attributes = {_REQUEST_ID: identity} if identity else {}
        answering = self._answering.get(identity) if identity else None
        context = answering.span if answering is not None else None
        self._logs.add(Line(time.time_ns(), text[:_LONGEST_LINE], stream, attributes, context))

    def close(self) -> None:
        """Send what is left."""
        for part in (self._reader, self._traces, self._logs):
            if part is not None:
                part.close()


def _exporter(what: str, to: Destination | None, encode: Callable[[Sequence[Any]], bytes]) -> Exporter | None:
    return None if to is None else OtlpExporter(what, to, encode)


def _metrics_to(to: Destination, resource: Mapping[str, str]) -> Exporter:
    return OtlpExporter("metrics", to, partial(otlp.metrics, resource))


def _request_span(answering: Answering, response: Response, end: int, *, failed: bool) -> Span:
    request, status = answering.request, response.status
    start = end - int((perf_counter() - request.arrived) * 1e9)
    method, path = request.method.decode("latin-1"), request.path.decode("latin-1")
    failed = failed or status >= 500
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "url.path": path,
        "http.response.status_code": status,
        "http.request.body.size": len(request.body),
        **({} if response.is_stream else {"http.response.body.size": len(response.body)}),
        **({"error.type": str(status)} if failed else {}),
        _REQUEST_ID: answering.identity,
    }
    return Span(answering.span, f"{method} {path}", start, end, attributes, failed)


def _run_span(answering: Answering, response: Response, end: int, *, failed: bool) -> Span:
    """The call of run(): as long as the answer says, else from its begin to now."""
    start = answering.began or end
    if response.exec_ms is not None and not response.is_stream:
        start = end - int(response.exec_ms * 1e6)
    attributes = {_REQUEST_ID: answering.identity}
    return Span(answering.run, "run", start, end, attributes, failed or response.run_failed, INTERNAL)


def _say(sentence: str) -> None:
    print(f"mlmagic: {sentence}", file=sys.stderr, flush=True)
