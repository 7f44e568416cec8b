"""The traffic of a service over the last 15 minutes: request and error rates, latencies, CPU and memory.

A supervisor adds a point every 10 seconds in which the service has answered requests. Time without a point is
time without requests.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlmagic.core.request_counts import Histogram, quantile, share, total

PERIOD_SECONDS = 10.0
"""The length of a measured interval."""
WINDOW_SECONDS = 900.0
"""How far back the history goes."""
BUCKETS, MOST_BUCKETS = 90, 900
LAG_SECONDS = 2 * PERIOD_SECONDS
"""A point is written within so long after the one before it, as long as there are requests."""
JITTER_SECONDS = 1.0
"""By so much points may overlap that followed each other: the clock was read when each was written."""


@dataclass(frozen=True, slots=True)
class TrafficPoint:
    """The traffic of one interval.

    The numbers of requests are estimates where a service has several replicas and not all were measured, and
    fractions where this is a part of a measured interval.
    """

    time: float
    """The end of the interval, in seconds since the epoch."""
    seconds: float
    """The length of the interval."""
    requests: float = 0.0
    errors: float = 0.0
    """Requests that were answered with a status of 400 or more."""
    latencies: Histogram = ()
    cpu_cores: float | None = None
    """The CPU cores in use in the last seconds of the interval; None: not measured."""
    memory_bytes: float | None = None
    """The memory in use at the end of the interval; None: not measured."""

    @property
    def requests_per_second(self) -> float:
        """The request rate, averaged over the interval."""
        return self.requests / self.seconds

    @property
    def errors_per_second(self) -> float:
        """The error rate, averaged over the interval."""
        return self.errors / self.seconds

    @property
    def p50_ms(self) -> float | None:
        """The median latency of the interval's requests, in milliseconds; None without requests."""
        return quantile(self.latencies, 0.5)

    @property
    def p99_ms(self) -> float | None:
        """The latency that 99 % of the interval's requests did not exceed, in milliseconds."""
        return quantile(self.latencies, 0.99)

    def to_record(self) -> dict[str, Any]:
        """The figures of a chart, as JSON values."""
        return {
            "time": round(self.time, 3),
            "seconds": round(self.seconds, 3),
            "requests_per_second": _rounded(self.requests_per_second),
            "errors_per_second": _rounded(self.errors_per_second),
            "p50_ms": _rounded(self.p50_ms),
            "p99_ms": _rounded(self.p99_ms),
            "cpu_cores": self.cpu_cores,
            "memory_bytes": self.memory_bytes,
        }


@dataclass(frozen=True, slots=True)
class TrafficHistory:
    """The points of the last 15 minutes, oldest first; they do not overlap."""

    until: float
    """The end of what is known, in seconds since the epoch: some seconds ago while requests arrive."""
    points: tuple[TrafficPoint, ...] = ()

    @property
    def since(self) -> float:
        """The beginning of the 15 minutes, in seconds since the epoch."""
        return self.until - WINDOW_SECONDS

    def last(self, seconds: float) -> TrafficPoint:
        """All of the last ``seconds`` as one interval."""
        start = self.until - seconds
        parts = [part_of(point, start, self.until) for point in self.points]
        return _sum([part for part in parts if part is not None], self.until, seconds)

    def resampled(self, buckets: int = BUCKETS) -> tuple[TrafficPoint, ...]:
        """The 15 minutes as equal intervals, oldest first, those without requests included."""
        length = WINDOW_SECONDS / buckets
        parts: list[list[TrafficPoint]] = [[] for _ in range(buckets)]
        for point in self.points:
            first = int((point.time - point.seconds - self.since) / length)
            last = int((point.time - self.since) / length)
            for number in range(max(0, first), min(last + 1, buckets)):
                start = self.since + number * length
                part = part_of(point, start, start + length)
                if part is not None:
                    parts[number].append(part)
        return tuple(
            _sum(each, self.since + (number + 1) * length, length) for number, each in enumerate(parts)
        )


def history(points: Iterable[TrafficPoint], now: float) -> TrafficHistory:
    """The history at ``now`` from the points in the order in which they were measured.

    Where points overlap, as after a clock was set back, the later one counts. Points after ``now`` do not.
    """
    measured = [point for point in points if point.time - point.seconds < now]
    newest = measured[-1].time if measured else -math.inf
    until = newest if now - LAG_SECONDS <= newest <= now else now
    kept, end = [], until
    for point in reversed(measured):
        if end < point.time <= end + JITTER_SECONDS:
            point = replace(point, time=end)
        part = part_of(point, until - WINDOW_SECONDS, end)
        if part is not None:
            kept.append(part)
            end = part.time - part.seconds
    return TrafficHistory(until, tuple(reversed(kept)))


def part_of(point: TrafficPoint, start: float, end: float) -> TrafficPoint | None:
    """The part of a point between two times, with its share of the requests; None if it is outside."""
    begin = point.time - point.seconds
    first, last = max(start, begin), min(end, point.time)
    if last <= first:
        return None
    if (first, last) == (begin, point.time):
        return point
    part = (last - first) / point.seconds
    return replace(
        point,
        time=last,
        seconds=last - first,
        requests=point.requests * part,
        errors=point.errors * part,
        latencies=share(point.latencies, part),
    )


def is_old(time: float, now: float) -> bool:
    """Whether a point of this time is of no use any more; one far ahead is not either: the clock was set."""
    return abs(now - time) > WINDOW_SECONDS


def _sum(parts: Sequence[TrafficPoint], time: float, seconds: float) -> TrafficPoint:
    """One interval of its parts."""
    cpu = [(part.cpu_cores, part.seconds) for part in parts if part.cpu_cores is not None]
    memory = [part.memory_bytes for part in parts if part.memory_bytes is not None]
    return TrafficPoint(
        time,
        seconds,
        sum(part.requests for part in parts),
        sum(part.errors for part in parts),
        total(part.latencies for part in parts),
        sum(cores * length for cores, length in cpu) / sum(length for _, length in cpu) if cpu else None,
        memory[-1] if memory else None,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
