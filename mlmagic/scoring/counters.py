"""What the service has done so far, and how fast; written on the hot path, read at GET /metrics."""

from __future__ import annotations

from collections import deque

WINDOW = 512


class Counters:
    """Scoring requests since the start, and the durations of the last `WINDOW` of them."""

    __slots__ = ("errors", "in_flight", "latest", "requests", "seconds")

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.seconds = 0.0
        self.in_flight = 0
        self.latest: deque[float] = deque(maxlen=WINDOW)

    def record(self, seconds: float, failed: bool) -> None:
        """One scoring request was answered."""
        self.requests += 1
        self.seconds += seconds
        self.latest.append(seconds)
        if failed:
            self.errors += 1

    def quantile(self, q: float) -> float:
        """The latency that a share ``q`` of the latest requests stayed within, in seconds."""
        ordered = sorted(self.latest)
        return ordered[min(int(q * len(ordered)), len(ordered) - 1)] if ordered else 0.0

    def exposition(self) -> str:
        """The Prometheus text format, version 0.0.4."""
        name = "mlmagic_request_duration_seconds"
        return "\n".join(
            [
                "# HELP mlmagic_requests_total Scoring requests answered.",
                "# TYPE mlmagic_requests_total counter",
                f"mlmagic_requests_total {self.requests}",
                "# HELP mlmagic_request_errors_total Scoring requests answered with a status of 400 or more.",
                "# TYPE mlmagic_request_errors_total counter",
                f"mlmagic_request_errors_total {self.errors}",
                "# HELP mlmagic_requests_in_flight Scoring requests received and not answered yet.",
                "# TYPE mlmagic_requests_in_flight gauge",
                f"mlmagic_requests_in_flight {self.in_flight}",
                f"# HELP {name} From the end of a request to its answer; quantiles: the last {WINDOW}.",
                f"# TYPE {name} summary",
                f'{name}{{quantile="0.5"}} {self.quantile(0.5):.6f}',
                f'{name}{{quantile="0.99"}} {self.quantile(0.99):.6f}',
                f"{name}_sum {self.seconds:.6f}",
                f"{name}_count {self.requests}",
                "",
            ]
        )
