"""What the server of a service has counted: requests, errors, and a histogram of their latencies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple


class Bucket(NamedTuple):
    """How many requests took more than ``low_ms`` and at most ``high_ms``; None: no upper bound.

    The number is a fraction where an interval contains only a part of a measured one.
    """

    low_ms: float
    high_ms: float | None
    requests: float


Histogram = tuple[Bucket, ...]
"""The buckets that are not empty, in ascending order."""


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """The counters of one server since its start."""

    instance: str = ""
    """Another one for each start of a server; empty if the server does not say."""
    uptime: float = math.inf
    """Seconds since the start."""
    requests: int = 0
    errors: int = 0
    latencies: Histogram = ()

    @classmethod
    def of_record(
        cls, record: Mapping[str, Any], before: RequestCounts | None = None
    ) -> RequestCounts | None:
        """From the JSON of the server's ``GET /metrics``; None if that has no counters.

        Cheap if it has counted nothing since ``before``, which most services have not.
        """
        try:
            instance, requests = str(record.get("instance", "")), int(record["requests"])
            uptime = float(record.get("uptime_s", math.inf))
            if before is not None and (before.instance, before.requests) == (instance, requests):
                return replace(before, uptime=uptime)
            latencies = histogram(record.get("latencies_ms", ()))
            return cls(instance, uptime, requests, int(record.get("errors", 0)), latencies)
        except (KeyError, TypeError, ValueError):
            return None

    def to_record(self) -> dict[str, Any]:
        """As `of_record` takes it, without the uptime."""
        return {
            "instance": self.instance,
            "requests": self.requests,
            "errors": self.errors,
            "latencies_ms": [[*bucket] for bucket in self.latencies],
        }

    def since(self, before: RequestCounts) -> RequestCounts:
        """What was counted after ``before``.

        All of it, if the counters are those of another start, or lower than before: then they were reset.
        """
        if before.instance != self.instance or before.requests > self.requests:
            return self
        if before.requests == self.requests:
            return RequestCounts(self.instance, self.uptime)
        return RequestCounts(
            self.instance,
            self.uptime,
            self.requests - before.requests,
            max(0, self.errors - before.errors),
            difference(self.latencies, before.latencies),
        )


def histogram(buckets: Iterable[Iterable[Any]]) -> Histogram:
    """A histogram from lists of lower bound, upper bound and count. Raises TypeError, ValueError."""
    found = []
    for low, high, count in buckets:
        found.append(Bucket(float(low), None if high is None else float(high), float(count)))
    return _ascending(found)


def total(histograms: Iterable[Histogram]) -> Histogram:
    """The sum of histograms."""
    counts: dict[tuple[float, float | None], float] = {}
    for low, high, count in (bucket for each in histograms for bucket in each):
        counts[low, high] = counts.get((low, high), 0.0) + count
    return _ascending(Bucket(low, high, count) for (low, high), count in counts.items())


def difference(after: Histogram, before: Histogram) -> Histogram:
    """What ``after`` has more than ``before``."""
    earlier = {(low, high): count for low, high, count in before}
    more = (Bucket(low, high, count - earlier.get((low, high), 0.0)) for low, high, count in after)
    return tuple(bucket for bucket in more if bucket.requests > 0)


def share(buckets: Histogram, part: float) -> Histogram:
    """A histogram with so large a part of each count."""
    return tuple(Bucket(low, high, count * part) for low, high, count in buckets)


def quantile(buckets: Histogram, q: float) -> float | None:
    """The latency in milliseconds that a share ``q`` of the requests did not exceed; None without requests.

    Interpolated within its bucket, as Prometheus' histogram_quantile does. Of the bucket without an upper
    bound, only the lower one is known.
    """
    wanted = q * sum(bucket.requests for bucket in buckets)
    if wanted <= 0:
        return None
    below = 0.0
    for low, high, count in buckets:
        if below + count >= wanted:
            return low if high is None else low + (high - low) * (wanted - below) / count
        below += count
    return buckets[-1].low_ms if buckets[-1].high_ms is None else buckets[-1].high_ms


def _ascending(buckets: Iterable[Bucket]) -> Histogram:
    return tuple(sorted(buckets, key=lambda bucket: bucket.low_ms))
