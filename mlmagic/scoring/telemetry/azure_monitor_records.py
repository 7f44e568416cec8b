"""Spans, lines of the log and metrics as OpenTelemetry's SDK has them: what Microsoft's exporter takes.

Application Insights adds up what it gets, so each reading of a counter or a histogram is what was counted
since the reading before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from mlmagic._version import __version__
from mlmagic.scoring.telemetry.otlp import SERVER, Line, Span
from mlmagic.scoring.telemetry.otlp_metrics import by_labels
from mlmagic.scoring.telemetry.trace_context import TraceContext

_SCOPE = InstrumentationScope("mlmagic", __version__)
_SEVERITIES = {"stdout": SeverityNumber.INFO, "stderr": SeverityNumber.WARN}

Key = tuple[str, tuple[tuple[str, str], ...]]
"""The name of a sample, and its labels."""


def resource_of(attributes: Mapping[str, str]) -> Resource:
    """What describes the service in all its records."""
    return Resource(dict(attributes))


def span(resource: Resource, span: Span) -> ReadableSpan:
    """A request, or the call of run()."""
    parent = span.context.parent_id
    return ReadableSpan(
        span.name,
        _context(span.context.trace_id, span.context.span_id),
        _context(span.context.trace_id, parent) if parent else None,
        resource,
        dict(span.attributes),
        kind=SpanKind.SERVER if span.kind == SERVER else SpanKind.INTERNAL,
        status=Status(StatusCode.ERROR) if span.failed else Status(StatusCode.UNSET),
        start_time=span.start,
        end_time=span.end,
        instrumentation_scope=_SCOPE,
    )


def line(resource: Resource, line: Line) -> ReadableLogRecord:
    """A line of the log."""
    severity = _SEVERITIES[line.stream]
    record = LogRecord(
        timestamp=line.time,
        observed_timestamp=line.time,
        context=_current(line.context),
        severity_number=severity,
        severity_text=severity.name,
        body=line.text.encode("utf-8", "replace").decode("utf-8"),
        attributes={"log.iostream": line.stream, **line.attributes},
    )
    return ReadableLogRecord(record, resource, _SCOPE)


def metrics_data(resource: Resource, readings: Iterable[Sequence[Metric]]) -> MetricsData:
    """Readings of `Changes`."""
    found = [metric for reading in readings for metric in reading]
    return MetricsData([ResourceMetrics(resource, [ScopeMetrics(_SCOPE, found, "")], "")])


class Changes:
    """Compares each reading of the metrics with the one before."""

    def __init__(self) -> None:
        self._before: dict[Key, float] = {}
        self._time = 0

    def read(self, families: Iterable[Any], started: int, now: int) -> list[Metric]:
        """The families of prometheus-client; the times are nanoseconds since the epoch.

        ``started`` is when the server began to count.
        """
        since, self._time = self._time or started, now
        return [metric for family in families if (metric := self._metric(family, since, now)) is not None]

    def _metric(self, family: Any, since: int, now: int) -> Metric | None:
        """One metric; None without data, or of a kind that Application Insights does not have."""
        delta = AggregationTemporality.DELTA
        data: Sum | Gauge | Histogram
        if family.type == "counter":
            points = [
                NumberDataPoint(sample.labels, since, now, self._change(sample))
                for sample in family.samples
                if sample.name == f"{family.name}_total"
            ]
            data = Sum(points, delta, is_monotonic=True)
        elif family.type == "gauge":
            data = Gauge([NumberDataPoint(each.labels, since, now, each.value) for each in family.samples])
        elif family.type in ("histogram", "summary"):
            found = [
                self._amounts(dict(labels), samples, since, now) for labels, samples in by_labels(family)
            ]
            data = Histogram([point for point in found if point is not None], delta)
        else:
            return None
        return Metric(family.name, family.documentation, family.unit, data) if data.data_points else None

    def _amounts(
        self, labels: Mapping[str, str], samples: Sequence[Any], since: int, now: int
    ) -> HistogramDataPoint | None:
        """Count and sum since the reading before; None if nothing was counted: it would count as zeros."""
        count, total = (
            self._change(sample)
            for ending in ("_count", "_sum")
            for sample in samples
            if sample.name.endswith(ending)
        )
        if count <= 0:
            return None
        unknown: Any = None  # the smallest and the largest value
        return HistogramDataPoint(
            labels, since, now, int(count), total, (int(count),), (), min=unknown, max=unknown
        )

    def _change(self, sample: Any) -> float:
        key: Key = (sample.name, tuple(sorted(sample.labels.items())))
        before, self._before[key] = self._before.get(key, 0.0), sample.value
        return float(sample.value if sample.value < before else sample.value - before)


def _context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=TraceFlags(1))


def _current(context: TraceContext | None) -> Any:
    if context is None:
        return set_span_in_context(NonRecordingSpan(SpanContext(0, 0, is_remote=False)))
    return set_span_in_context(NonRecordingSpan(_context(context.trace_id, context.span_id)))
