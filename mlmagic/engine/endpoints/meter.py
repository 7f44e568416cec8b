"""Measures the versions of an endpoint, from what its router counts since its start."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlmagic.core.endpoint import VersionFigures
from mlmagic.core.request_counts import RequestCounts, quantile
from mlmagic.core.rollout import Window

WINDOW_SECONDS = 300.0
"""How far back the figures of a version go."""
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_SHADOW = ("requests", "same", "different", "failed", "skipped")


@dataclass(slots=True)
class VersionMeter:
    """Compares each reading with earlier ones. A supervisor has one for each endpoint.

    Times are in seconds of a monotonic clock.
    """

    _readings: dict[str, deque[tuple[float, RequestCounts]]] = field(default_factory=dict)
    """By version, the readings of the window, oldest first."""
    _marks: dict[str, RequestCounts] = field(default_factory=dict)
    """The counters when the step of a rollout began."""
    _step: object = None
    _shadows: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def add(self, versions: Mapping[str, Mapping[str, Any]], at: float) -> None:
        """Add the readings of all versions, as ``GET /metrics`` of the router has them."""
        for gone in self._readings.keys() - versions.keys():
            del self._readings[gone]
        for name, record in versions.items():
            readings = self._readings.setdefault(name, deque())
            counts = RequestCounts.of_record(record, readings[-1][1] if readings else None)
            if counts is None:
                continue
            if not readings and counts.uptime < WINDOW_SECONDS:  # it has been seen from its first moment on
                readings.append((at - counts.uptime, RequestCounts(counts.instance)))
            readings.append((at, counts))
            while len(readings) > 1 and readings[1][0] <= at - WINDOW_SECONDS:
                readings.popleft()
            shadow = record.get("shadow")
            known = shadow if isinstance(shadow, Mapping) else {}
            self._shadows[name] = {key: known[key] for key in _SHADOW if key in known}

    def figures(self) -> dict[str, VersionFigures]:
        """The figures of each version in the window."""
        return {name: self._figures(name, readings) for name, readings in self._readings.items() if readings}

    def _figures(self, name: str, readings: deque[tuple[float, RequestCounts]]) -> VersionFigures:
        (begin, first), (end, last) = readings[0], readings[-1]
        counted, seconds = last.since(first), end - begin
        return VersionFigures(
            counted.requests,
            counted.errors,
            float(f"{counted.requests / seconds:.3g}") if seconds > 0 else 0.0,
            _rounded(quantile(counted.latencies, 0.5)),
            _rounded(quantile(counted.latencies, 0.99)),
            tuple((bucket.low_ms, bucket.high_ms, bucket.requests) for bucket in counted.latencies),
            self._shadows.get(name, {}),
        )

    def begin_step(self, step: object) -> None:
        """Measure from now on what is asked for with `window`, unless this ``step`` has begun before."""
        if step != self._step:
            self._step = step
            self._marks = {name: readings[-1][1] for name, readings in self._readings.items() if readings}

    def window(self, name: str) -> Window:
        """What a version has answered since the step began."""
        readings = self._readings.get(name)
        if not readings:
            return Window(0, 0, {})
        counts = readings[-1][1]
        if name in self._marks:
            counts = counts.since(self._marks[name])
        quantiles = {metric: quantile(counts.latencies, q) for metric, q in QUANTILES.items()}
        return Window(counts.requests, counts.errors, quantiles)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
