"""Measures the traffic of a service in intervals of 10 seconds, from what its server counts since its start.

The counters are those of one server. A server that was started again, or another replica, is recognized by
its instance, and compared with its own counters only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlmagic.core import traffic_history
from mlmagic.core.request_counts import RequestCounts, total
from mlmagic.core.traffic_history import TrafficPoint

STARTED_SECONDS = 60.0
"""A server that is seen for the first time may have started so long before the last reading, as it does not
serve at once. All that it has counted is new."""
MOST_SERVERS = 100


@dataclass(slots=True)
class TrafficMeter:
    """Compares each reading of the counters with the one before. A supervisor has one for each service.

    Times are in seconds of a monotonic clock, so that setting the clock changes no rate.
    """

    _servers: dict[str, RequestCounts] = field(default_factory=dict)
    """The last reading of each server, the latest at the end."""
    _start: float | None = None
    """Of the interval that is being measured; None before the first reading."""
    _last: float = 0.0
    """When the last reading was taken."""
    _counted: list[RequestCounts] = field(default_factory=list)
    """What was counted in the interval."""
    _stats: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_new(self) -> bool:
        """Whether there is no reading yet."""
        return self._start is None

    @property
    def counts(self) -> RequestCounts:
        """The last reading."""
        return next(reversed(self._servers.values()))

    def resume(self, counts: RequestCounts, at: float) -> None:
        """Go on from the last reading of another supervisor."""
        self._servers = {counts.instance: counts}
        self._start = self._last = at

    def add(self, counts: RequestCounts, stats: Mapping[str, float], at: float) -> None:
        """Add a reading. ``stats``: how many replicas there are, the CPU cores and the memory in use."""
        before = self._servers.pop(counts.instance, None)
        self._servers[counts.instance] = counts
        if len(self._servers) > MOST_SERVERS:
            del self._servers[next(iter(self._servers))]
        elapsed = 0.0 if self._start is None else at - self._last
        if before is not None:
            self._counted.append(counts.since(before))
        elif counts.uptime <= elapsed + STARTED_SECONDS:
            # No one could call it before it was there.
            if not self._counted:
                self._start = max(at - counts.uptime, self._last if self._start is not None else 0.0)
            self._counted.append(counts)
        if self._start is None:
            self._start = at
        self._last, self._stats = at, stats

    def finished(self, at: float, *, ending: bool = False) -> TrafficPoint | None:
        """The interval before, once a new one has begun; None if it is not over, or had no requests.

        The intervals of all services end at the same times, so that they are written together; with
        ``ending``, this one ends now. The time of the point is that of the monotonic clock.
        """
        start, end = self._start, self._last
        period = traffic_history.PERIOD_SECONDS
        if start is None or end <= start or (not ending and at // period == start // period):
            return None
        counted, self._counted, self._start = self._counted, [], end
        requests = sum(each.requests for each in counted)
        if not requests:
            return None
        servers = len({each.instance for each in counted})
        # Requests are balanced over the replicas: those that were not read had as many.
        factor = max(1.0, self._stats.get("replicas", 1.0) / servers)
        return TrafficPoint(
            end,
            end - start,
            requests * factor,
            sum(each.errors for each in counted) * factor,
            total(each.latencies for each in counted),
            self._stats.get("cpu_cores"),
            self._stats.get("memory_bytes"),
        )
