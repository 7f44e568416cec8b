"""Spans for each request and its call of run(), each line of the log, and metrics, for a collector.

``enable_app_insights`` of a deployment turns it on, as in Azure ML v1, where Application Insights has the
requests and what the script prints. Of the caller's trace, a request is a part (W3C Trace Context).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import time_ns
from typing import TYPE_CHECKING, Any

from mlmagic.scoring.logs import follow, listen
from mlmagic.scoring.observed_request import Fields
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
from mlmagic.scoring.telemetry.exporter import MOST_AT_ONCE, Exporter, ExporterBeside, ExporterHere
from mlmagic.scoring.telemetry.metric_reader import MetricReader
from mlmagic.scoring.telemetry.names import HEADER, STATE
from mlmagic.scoring.telemetry.otlp import Line
from mlmagic.scoring.telemetry.otlp_metrics import encoded
from mlmagic.scoring.telemetry.sender import Sender
from mlmagic.scoring.telemetry.spans import REQUEST_ID, traces
from mlmagic.scoring.telemetry.trace_context import TraceContext, context_of

if TYPE_CHECKING:
    from mlmagic.scoring.delivery.process import DeliveryProcess
    from mlmagic.scoring.http.request import Request
    from mlmagic.scoring.metrics import Counters

_TRACES_AT_ONCE = 1024
"""Less than a megabyte of JSON, which many a proxy takes at most."""
_LONGEST_LINE = 64 * 1024
"""Characters of a line; Application Insights took as many."""


class Contexts:
    """Those of the spans of a request, made when somebody has to know their ids."""

    __slots__ = ("_run", "span")

    def __init__(self, fields: Mapping[bytes, bytes]) -> None:
        self.span = context_of(fields.get(HEADER), fields.get(STATE))
        """Of the request: of the caller's trace, if it has one."""
        self._run: TraceContext | None = None

    def run(self) -> TraceContext:
        """Of run()."""
        if self._run is None:
            self._run = self.span.child()
        return self._run

    def fields(self) -> tuple[Fields, Fields | None]:
        """Both as plain tuples; None of run() if nobody had to know it."""
        return tuple(self.span), None if self._run is None else tuple(self._run)


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
        self._current = CurrentSpanIfUsed()
        if logs is not None:
            listen(self._heard)

    @classmethod
    def of(cls, process: DeliveryProcess, environment: Mapping[str, str] = os.environ) -> Telemetry | None:
        """None unless it is turned on and there is a place to send to. The log says what has no effect.

        ``process`` sends the traces and the log.
        """
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
            _exporter("traces", places[TRACES], partial(traces, of_process), process, _TRACES_AT_ONCE),
            _exporter("lines of the log", places[LOGS], partial(otlp.logs_of, of_process), process),
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

    def measure(self, counters: Counters) -> None:
        """Send the metrics of the server that counts in ``counters``, from now on."""
        if self._metrics is not None:
            self._reader = self._metrics(counters)

    @property
    def traces(self) -> Exporter | None:
        """What sends the spans; None if they are sent nowhere."""
        return self._traces

    def follow(self) -> None:
        """From now on, follow which request the script is called for: it uses opentelemetry."""
        follow(self._works_on)

    def _works_on(self, request: Request | None) -> None:
        """This thread, or task, calls the script for a request from now on, or has called it."""
        if request is None:
            self._current.leave()
        elif not request.recorded:
            self._current.enter(contexts_of(request).run)

    def _heard(self, stream: str, text: str, request: Request | None) -> None:
        if self._logs is None or not text:
            return
        attributes = {} if request is None else {REQUEST_ID: request.identity.decode("latin-1")}
        context = None if request is None or request.recorded else contexts_of(request).span
        line = Line(time_ns(), text[:_LONGEST_LINE], stream, attributes, context)
        self._logs.add(line.fields())

    def close(self) -> None:
        """Send what is left."""
        for part in (self._reader, self._traces, self._logs):
            if part is not None:
                part.close()


def contexts_of(request: Request) -> Contexts:
    """Those of the spans of ``request``."""
    if request.contexts is None:
        request.contexts = Contexts(request.fields)
    contexts: Contexts = request.contexts
    return contexts


def _exporter(
    what: str,
    to: Destination | None,
    encode: Callable[[Sequence[Any]], bytes],
    process: DeliveryProcess,
    most_at_once: int = MOST_AT_ONCE,
) -> Exporter | None:
    """``encode`` must be picklable."""
    if to is None:
        return None
    return ExporterBeside(what, to.url, partial(Sender, to, encode), process, most_at_once=most_at_once)


def _metrics_to(to: Destination, resource: Mapping[str, str]) -> Exporter:
    return ExporterHere("metrics", to.url, Sender(to, partial(otlp.metrics, resource)))


def _say(sentence: str) -> None:
    print(f"mlmagic: {sentence}", file=sys.stderr, flush=True)
