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


def answers(url: str, timeout: float = PROBE_TIMEOUT_SECONDS) -> bool:
    """Whether ``GET /`` gives 200 in time."""
    status, _ = _get(url, "/", timeout)
    return status == 200


def read_stats(url: str, timeout: float = PROBE_TIMEOUT_SECONDS) -> dict[str, float]:
    """What the service counts of itself; empty when it does not tell."""
    status, body = _get(url, "/metrics", timeout)
    return parse_stats(body) if status == 200 else {}


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


def _get(url: str, path: str, timeout: float) -> tuple[int, str]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()
