"""Metrics of prometheus-client in OTLP's JSON, under the names of GET /metrics: pure functions.

Source: https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from mlmagic.scoring.telemetry.otlp import attributes

_CUMULATIVE = 2
_OF_SAMPLES = ("le", "quantile")

Labels = tuple[tuple[str, str], ...]
Encoded = dict[str, Any]


def encoded(families: Iterable[Any], started: int, now: int) -> list[Encoded]:
    """The families as OTLP metrics; the times are nanoseconds since the epoch.

    ``started`` is when the server began to count.
    """
    times = {"startTimeUnixNano": str(started), "timeUnixNano": str(now)}
    return [metric for family in families if (metric := _metric(family, times)) is not None]


def _metric(family: Any, times: Mapping[str, str]) -> Encoded | None:
    """One metric; None without data, or of a kind that OTLP does not have."""
    data = _data(family, times)
    if data is None or not next(iter(data.values()))["dataPoints"]:
        return None
    return {"name": family.name, "description": family.documentation, "unit": family.unit, **data}


def _data(family: Any, times: Mapping[str, str]) -> Encoded | None:
    match family.type:
        case "counter":
            points = _numbers(family, times, f"{family.name}_total")
            total = {"aggregationTemporality": _CUMULATIVE, "isMonotonic": True, "dataPoints": points}
            return {"sum": total}
        case "gauge" | "stateset" | "unknown" | "untyped":
            return {"gauge": {"dataPoints": _numbers(family, times, family.name)}}
        case "histogram":
            points = [_histogram(labels, samples, times) for labels, samples in by_labels(family)]
            return {"histogram": {"aggregationTemporality": _CUMULATIVE, "dataPoints": points}}
        case "summary":
            return {"summary": {"dataPoints": [_summary(*each, times) for each in by_labels(family)]}}
        case "info":
            return {"gauge": {"dataPoints": _numbers(family, times, f"{family.name}_info")}}
    return None


def _numbers(family: Any, times: Mapping[str, str], name: str) -> list[Encoded]:
    return [
        {**times, "attributes": attributes(sample.labels), "asDouble": _number(sample.value)}
        for sample in family.samples
        if sample.name == name
    ]


def by_labels(family: Any) -> list[tuple[Labels, Sequence[Any]]]:
    """The samples of a histogram or a summary, by the labels beside that of the bucket or the quantile."""
    found: dict[Labels, list[Any]] = {}
    for sample in family.samples:
        labels = tuple(item for item in sample.labels.items() if item[0] not in _OF_SAMPLES)
        found.setdefault(labels, []).append(sample)
    return list(found.items())


def _histogram(labels: Labels, samples: Sequence[Any], times: Mapping[str, str]) -> Encoded:
    buckets = sorted((float(s.labels["le"]), s.value) for s in samples if "le" in s.labels)
    # Prometheus counts what is at most a bound, OTLP what is between two of them.
    below = [0.0, *(count for _, count in buckets)]
    counts = [int(after - before) for before, after in pairwise(below)]
    total = _value(samples, "_sum")
    return {
        **times,
        "attributes": attributes(dict(labels)),
        "count": str(sum(counts)),
        "bucketCounts": [str(count) for count in counts],
        "explicitBounds": [bound for bound, _ in buckets if math.isfinite(bound)],
        **({} if total is None else {"sum": _number(total)}),
    }


def _summary(labels: Labels, samples: Sequence[Any], times: Mapping[str, str]) -> Encoded:
    return {
        **times,
        "attributes": attributes(dict(labels)),
        "count": str(int(_value(samples, "_count") or 0)),
        "sum": _number(_value(samples, "_sum") or 0.0),
        "quantileValues": [
            {"quantile": float(sample.labels["quantile"]), "value": _number(sample.value)}
            for sample in samples
            if "quantile" in sample.labels
        ],
    }


def _value(samples: Iterable[Any], ending: str) -> float | None:
    return next((sample.value for sample in samples if sample.name.endswith(ending)), None)


def _number(value: float) -> float | str:
    """A number as the JSON of Protobuf has it: those that JSON does not have are text."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
