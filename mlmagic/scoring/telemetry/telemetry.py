"""Spans for each request and its call of run(), each line of the log, and metrics, for a collector.

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

from mlmagic.scoring.calls.streams import Stream
from mlmagic.scoring.logs import Identify, follow, listen
from mlmagic.scoring.telemetry import otlp
from mlmagic.scoring.telemetry.current_span import CurrentSpanIfUsed
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
from mlmagic.scoring.telemetry.exporter import Exporter
from mlmagic.scoring.telemetry.metric_reader import MetricReader
from mlmagic.scoring.telemetry.otlp import Line
from mlmagic.scoring.telemetry.otlp_metrics import encoded
from mlmagic.scoring.telemetry.sender import Sender
from mlmagic.scoring.telemetry.spans import REQUEST_ID, packed, traces
from mlmagic.scoring.telemetry.trace_context import HEADER, STATE, TraceContext, context_of

if TYPE_CHECKING:
    from mlmagic.scoring.calls.scorer import Reply
    from mlmagic.scoring.http.request import Request
    from mlmagic.scoring.http.response import Response
    from mlmagic.scoring.metrics import Counters

_LONGEST_LINE = 64 * 1024
"""Characters of a line; Application Insights took as many."""


class Answering:
    """A request that is being answered."""

    __slots__ = ("_run", "_span", "identity", "request")

    def __init__(self, request: Request, identity: str) -> None:
        self.request, self.identity = request, identity
        self._span: TraceContext | None = None
        self._run: TraceContext | None = None

    def span(self) -> TraceContext:
        """The span of the request: of the caller's trace, if it has one."""
        if self._span is None:
            fields = self.request.fields
            self._span = context_of(fields.get(HEADER), fields.get(STATE))
        return self._span

    def run(self) -> TraceContext:
        """The span of run()."""
        if self._run is None:
            self._run = self.span().child()
        return self._run

    def contexts(self) -> tuple[TraceContext | None, TraceContext | None]:
        """Both, as far as somebody has to know their ids: else they are made where the spans are sent."""
        if HEADER in self.request.fields:
            self.span()
        return self._span, self._run


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
        self._current = CurrentSpanIfUsed()
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
            _exporter("traces", places[TRACES], partial(traces, of_process)),
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
        answering = Answering(request, self._identify(request))
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
        span, run = answering.contexts()
        if self._traces is None or (span is not None and not span.is_sampled):
            return
        request, is_stream = answering.request, response.is_stream
        end, now = time.time_ns(), perf_counter()
        answered = packed(
            span,
            run,
            answering.identity,
            request.method,
            request.path,
            response.status,
            len(request.body),
            None if is_stream else len(response.body),
            end - int((now - request.arrived) * 1e9),
            end,
            end - int((now - request.called) * 1e9) if request.called else 0,
            None if is_stream else response.exec_ms,
            response.exec_ms is not None or response.run_failed,
            failed,
            response.run_failed,
        )
        self._traces.add(answered)

    def _works_on(self, identify: Identify | None) -> None:
        """This thread, or task, calls the script for a request from now on, or has called it."""
        if identify is None:
            self._current.leave()
        elif self._current.is_used and (answering := self._answering.get(identify())) is not None:
            self._current.enter(answering.run)

    def _heard(self, stream: str, text: str, identity: str) -> None:
        if self._logs is None or not text:
            return
        attributes = {REQUEST_ID: identity} if identity else {}
        answering = self._answering.get(identity) if identity else None
        context = answering.span() if answering is not None else None
        self._logs.add(Line(time.time_ns(), text[:_LONGEST_LINE], stream, attributes, context))

    def close(self) -> None:
        """Send what is left."""
        for part in (self._reader, self._traces, self._logs):
            if part is not None:
                part.close()


def _exporter(what: str, to: Destination | None, encode: Callable[[Sequence[Any]], bytes]) -> Exporter | None:
    """Sends in a process beside this one, so ``encode`` must be picklable."""
    if to is None:
        return None
    from mlmagic.scoring.delivery.process import DeliveryProcess

    return Exporter(what, to.url, DeliveryProcess(partial(Sender, to, encode)))


def _metrics_to(to: Destination, resource: Mapping[str, str]) -> Exporter:
    return Exporter("metrics", to.url, Sender(to, partial(otlp.metrics, resource)))


def _say(sentence: str) -> None:
    print(f"mlmagic: {sentence}", file=sys.stderr, flush=True)
