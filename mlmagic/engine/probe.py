"""How the engine asks a service whether it answers, the same way on every target."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

PROBE_TIMEOUT_SECONDS = 2.0
_METRICS = {
    "mlmagic_requests_total": "requests",
    "mlmagic_request_errors_total": "errors",
    'mlmagic_request_duration_seconds{quantile="0.5"}': "p50_ms",
    'mlmagic_request_duration_seconds{quantile="0.99"}': "p99_ms",
}


class Probe:
    """Asks one service, again and again, over a connection that is kept."""

    def __init__(self, url: str, timeout: float = PROBE_TIMEOUT_SECONDS) -> None:
        self.url = url
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)

    def answers(self) -> bool:
        """Whether ``GET /`` gives 200 in time."""
        return self._get("/")[0] == 200

    def stats(self) -> dict[str, float]:
        """What the service counts of itself; empty when it does not tell."""
        status, body = self._get("/metrics")
        return parse_stats(body) if status == 200 else {}

    def close(self) -> None:
        self._connection.close()

    def _get(self, path: str) -> tuple[int, str]:
        kept = self._connection.sock is not None
        try:
            return self._ask(path)
        except (OSError, http.client.HTTPException):
            self.close()
            if not kept:
                return 0, ""
        try:  # a connection that was kept may have been closed by the other side: that is no illness
            return self._ask(path)
        except (OSError, http.client.HTTPException):
            self.close()
            return 0, ""

    def _ask(self, path: str) -> tuple[int, str]:
        self._connection.request("GET", path)
        response = self._connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")


def answers(url: str, timeout: float = PROBE_TIMEOUT_SECONDS) -> bool:
    """Ask once, over a new connection."""
    probe = Probe(url, timeout)
    try:
        return probe.answers()
    finally:
        probe.close()


def parse_stats(text: str) -> dict[str, float]:
    """The figures we show, out of Prometheus text: requests, errors, p50_ms, p99_ms (milliseconds)."""
    stats: dict[str, float] = {}
    for line in text.splitlines():
        key, _, value = line.rpartition(" ")
        name = _METRICS.get(key)
        if name is None:
            continue
        try:
            number = float(value)
        except ValueError:
            continue
        if number == number:  # not NaN: a quantile of nothing
            stats[name] = round(number * 1000, 4) if name.endswith("_ms") else number
    return stats
