"""How the engine asks a service whether it answers, the same way on every target."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

PROBE_TIMEOUT_SECONDS = 2.0
_FIGURES = ("requests", "errors", "p50_ms", "p99_ms")
_JSON = {"Accept": "application/json"}


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
        self._connection.request("GET", path, headers=_JSON)
        response = self._connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")


def answers(url: str, timeout: float = PROBE_TIMEOUT_SECONDS) -> bool:
    """Ask once, over a new connection."""
    probe = Probe(url, timeout)
    try:
        return probe.answers()
    finally:
        probe.close()


def parse_stats(body: str) -> dict[str, float]:
    """The figures we show: requests, errors, p50_ms, p99_ms (milliseconds). What is no number is left out."""
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(told, dict):
        return {}
    return {name: told[name] for name in _FIGURES if type(told.get(name)) in (int, float)}
