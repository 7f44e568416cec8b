"""Probe a service over HTTP for its health and usage metrics, in the same way on every target."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from typing import Any, NamedTuple

from mlmagic.core.request_counts import RequestCounts
from mlmagic.engine.http.connections import Connections, NoAnswer

PROBE_TIMEOUT_SECONDS = 2.0
_FIGURES = ("requests", "errors", "p50_ms", "p99_ms")
_JSON = {"Accept": "application/json"}


class Metrics(NamedTuple):
    """What a service reports of itself."""

    stats: dict[str, float]
    counts: RequestCounts | None
    versions: Mapping[str, Any]
    """Of an endpoint: what its router has counted for each version."""


class Probe:
    """Probes one service repeatedly over a connection that stays open."""

    def __init__(
        self, url: str, cert_file: str | None = None, timeout: float = PROBE_TIMEOUT_SECONDS
    ) -> None:
        """``cert_file`` holds the certificate of an https:// service; None: one that an authority signed."""
        self.url, self.cert_file = url, cert_file
        self._timeout = timeout
        self._connections = Connections()
        self._counts: RequestCounts | None = None

    def answers(self) -> bool:
        """Whether ``GET /`` is answered with status 200 in time."""
        return self._get("/")[0] == 200

    def metrics(self) -> Metrics:
        """The usage metrics of the service, and its counters; nothing of what it does not report."""
        status, body = self._get("/metrics")
        figures = parse_figures(body) if status == 200 else {}
        self._counts = RequestCounts.of_record(figures, self._counts)
        versions = figures.get("versions")
        return Metrics(stats_of(figures), self._counts, versions if isinstance(versions, dict) else {})

    def close(self) -> None:
        self._connections.close()

    def _get(self, path: str) -> tuple[int, bytes]:
        """The status, 0 if there was no answer, and the body."""
        try:
            response = self._connections.request(
                "GET",
                self.url.rstrip("/") + path,
                headers=_JSON,
                timeout=self._timeout,
                cert_file=self.cert_file,
            )
        except NoAnswer:
            return 0, b""
        return response.status, response.body


def answers(url: str, cert_file: str | None = None, timeout: float = PROBE_TIMEOUT_SECONDS) -> bool:
    """Probe a service once, over a new connection."""
    with closing(Probe(url, cert_file, timeout)) as probe:
        return probe.answers()


def parse_figures(body: str | bytes) -> dict[str, Any]:
    """The JSON object in a response; empty if it is none."""
    try:
        figures = json.loads(body)
    except ValueError:
        return {}
    return figures if isinstance(figures, dict) else {}


def stats_of(figures: Mapping[str, Any]) -> dict[str, float]:
    """Those of the figures that are shown: requests, errors, p50_ms, p99_ms. Others are skipped."""
    return {name: figures[name] for name in _FIGURES if type(figures.get(name)) in (int, float)}
