"""Counts and durations of the scoring requests; written on the hot path, read at GET /metrics."""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any

WINDOW = 512
BOUNDS_S = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
"""The buckets of the Prometheus histogram."""
_STEPS = (1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0)
_EVERY_STEP = {float(f"{step}e{decade}") for decade in range(-4, 2) for step in _STEPS}
FINE_BOUNDS_S = tuple(sorted(bound for bound in _EVERY_STEP | {*BOUNDS_S} if bound <= BOUNDS_S[-1]))
"""Ten buckets a decade, from 0.1 ms, so that a percentile is interpolated within a quarter of its value.

Among them are all of `BOUNDS_S`."""
_FINE_BOUNDS_MS = tuple(round(bound * 1000, 4) for bound in FINE_BOUNDS_S)
_BUCKETS_MS = tuple(zip((0.0, *_FINE_BOUNDS_MS), (*_FINE_BOUNDS_MS, None), strict=True))


class Counters:
    """Scoring requests since the start, and the durations of the last `WINDOW` of them."""

    __slots__ = (
        "by_status", "collected", "descriptors", "durations", "in_flight", "instance", "latest", "seconds",
        "started", "uncollected", "unread",
    )  # fmt: skip

    def __init__(self) -> None:
        self.instance = os.urandom(8).hex()
        """Tells these counters from those of another replica, and of a server that was started again."""
        self.started = time.monotonic()
        self.by_status: dict[int, int] = {}
        self.durations = [0] * (len(FINE_BOUNDS_S) + 1)
        """Requests whose duration is at most the bound of the same place, and above the one before."""
        self.seconds = 0.0
        self.in_flight = 0
        self.unread = 0
        """Connections that were closed because the client did not read."""
        self.descriptors = 0
        """Connections that were closed, or turned away, because file descriptors ran out."""
        self.collected = 0
        """Records of data collection that were written."""
        self.uncollected = 0
        """Records of data collection that were dropped."""
        self.latest: deque[float] = deque(maxlen=WINDOW)

    def record(self, seconds: float, status: int) -> None:
        """One scoring request was answered."""
        self.by_status[status] = self.by_status.get(status, 0) + 1
        self.durations[bisect_left(FINE_BOUNDS_S, seconds)] += 1
        self.seconds += seconds
        self.latest.append(seconds)

    @property
    def requests(self) -> int:
        return sum(self.by_status.values())

    @property
    def errors(self) -> int:
        """Those answered with a status of 400 or more."""
        return sum(count for status, count in self.by_status.items() if status >= 400)

    def totals(self) -> Counters:
        """Those of the whole service, of which this process may be one of several."""
        return self

    def by_version(self) -> Iterable[tuple[str, Counters]]:
        """Those of each version, where this is an endpoint."""
        return ()

    def quantile(self, q: float) -> float:
        """The latency that a share ``q`` of the latest requests stayed within, in seconds."""
        ordered = sorted(self.latest)
        return ordered[min(int(q * len(ordered)), len(ordered) - 1)] if ordered else 0.0

    def summary(self) -> dict[str, Any]:
        """The figures that are shown to people, and the counters that the engine compares with later ones.

        Latencies are in milliseconds. Their histogram lists the buckets that are not empty, as lower bound,
        upper bound and number of requests; the last bucket has no upper bound.
        """
        return {
            "requests": self.requests,
            "errors": self.errors,
            "in_flight": self.in_flight,
            "p50_ms": round(self.quantile(0.5) * 1000, 4),
            "p99_ms": round(self.quantile(0.99) * 1000, 4),
            "instance": self.instance,
            "uptime_s": round(time.monotonic() - self.started, 3),
            "latencies_ms": [
                [*bucket, count] for bucket, count in zip(_BUCKETS_MS, self.durations, strict=True) if count
            ],
        }


class Exposition:
    """The counters, and whatever the script has registered with prometheus-client, as Prometheus text.

    Importing the library takes longer than a health probe may wait: make this in another thread.
    """

    def __init__(self, counters: Counters) -> None:
        import prometheus_client
        import prometheus_client.core
        import prometheus_client.exposition

        self._library: Any = prometheus_client
        self._counters = counters
        # A registry of our own, so that a script may do with the library's what it likes.
        self._registry = prometheus_client.CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def page(self, accept: str) -> tuple[bytes, str]:
        """The body and its content type, in the format that ``accept`` asks for."""
        encode, content_type = self._library.exposition.choose_encoder(accept)
        return encode(self._registry), content_type

    def collect(self) -> Iterator[Any]:
        """Called by the registry."""
        core, counters = self._library.core, self._counters.totals()
        requests = core.CounterMetricFamily(
            "mlmagic_requests", "Scoring requests answered, by status.", labels=["code"]
        )
        for status, count in sorted(counters.by_status.items()):
            requests.add_metric([str(status)], count)
        yield requests
        yield core.GaugeMetricFamily(
            "mlmagic_requests_in_flight",
            "Scoring requests in progress.",
            value=counters.in_flight,
        )
        closed = core.CounterMetricFamily(
            "mlmagic_connections_closed", "Connections closed by the server early.", labels=["reason"]
        )
        closed.add_metric(["unread"], counters.unread)
        closed.add_metric(["descriptors"], counters.descriptors)
        yield closed
        yield core.CounterMetricFamily(
            "mlmagic_collection_records", "Records of collected data written.", value=counters.collected
        )
        yield core.CounterMetricFamily(
            "mlmagic_collection_dropped", "Records of collected data dropped.", value=counters.uncollected
        )
        duration = core.HistogramMetricFamily(
            "mlmagic_request_duration_seconds", "Seconds from the end of a scoring request to its response."
        )
        duration.add_metric([], _cumulative(counters.durations), counters.seconds)
        yield duration
        yield from self._of_versions()
        yield from self._library.REGISTRY.collect()

    def _of_versions(self) -> Iterator[Any]:
        versions = list(self._counters.by_version())
        if not versions:
            return
        core = self._library.core
        requests = core.CounterMetricFamily(
            "mlmagic_version_requests",
            "Scoring requests that a version answered, by status.",
            labels=["version", "code"],
        )
        duration = core.HistogramMetricFamily(
            "mlmagic_version_request_duration_seconds",
            "Seconds from the end of a scoring request to the response of a version.",
            labels=["version"],
        )
        for name, counters in versions:
            for status, count in sorted(counters.by_status.items()):
                requests.add_metric([name, str(status)], count)
            duration.add_metric([name], _cumulative(counters.durations), counters.seconds)
        yield requests
        yield duration


def _cumulative(counts: list[int]) -> list[tuple[str, int]]:
    below = dict(zip(FINE_BOUNDS_S, accumulate(counts), strict=False))
    return [*((str(bound), below[bound]) for bound in BOUNDS_S), ("+Inf", sum(counts))]
