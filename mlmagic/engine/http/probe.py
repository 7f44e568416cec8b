"""How the engine asks a service whether it answers, the same way on every target."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

from mlmagic.engine.http.certificates import TrustedConnection, trust_in

PROBE_TIMEOUT_SECONDS = 2.0
_FIGURES = ("requests", "errors", "p50_ms", "p99_ms")
_JSON = {"Accept": "application/json"}


class Probe:
    """Asks one service, again and again, over a connection that is kept."""

    def __init__(
        self, url: str, cert_file: str | None = None, timeout: float = PROBE_TIMEOUT_SECONDS
    ) -> None:
        """``cert_file`` holds the certificate of an https:// service; None: one that an authority signed."""
        self.url, self.cert_file = url, cert_file
        self._connection = _connection(url, cert_file, timeout)

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


def _connection(url: str, cert_file: str | None, timeout: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=timeout)
    if cert_file is None:
        return http.client.HTTPSConnection(host, port, timeout=timeout)
    return TrustedConnection(host, port, trust=trust_in(cert_file), timeout=timeout)


def answers(url: str, cert_file: str | None = None, timeout: float = PROBE_TIMEOUT_SECONDS) -> bool:
    """Ask once, over a new connection."""
    probe = Probe(url, cert_file, timeout)
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
