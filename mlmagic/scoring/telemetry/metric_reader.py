"""Reads the metrics of a server at intervals and sends them: those of GET /metrics."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from mlmagic.scoring.metrics import Counters, Exposition
from mlmagic.scoring.telemetry import otlp
from mlmagic.scoring.telemetry.destination import Destination
from mlmagic.scoring.telemetry.exporter import CLOSE_SECONDS, Exporter
from mlmagic.scoring.telemetry.otlp_metrics import Encoded, encoded


class MetricReader:
    """Sends the metrics of one server every so many seconds, and when it ends."""

    def __init__(
        self, to: Destination, resource: Mapping[str, str], seconds: float, counters: Counters
    ) -> None:
        """``resource`` describes the service, whose replicas may share ``counters``."""
        self._counters, self._seconds = counters, seconds
        self._started = time.time_ns() - int((time.monotonic() - counters.started) * 1e9)
        described = {**resource, "service.instance.id": counters.instance}
        self._exporter = Exporter("metrics", to, partial(otlp.metrics, described))
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mlmagic metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Send the last metrics."""
        self._closing.set()
        self._thread.join(CLOSE_SECONDS)
        self._exporter.close()

    def _run(self) -> None:
        try:
            exposition = Exposition(self._counters)
        except ImportError:  # GET /metrics says so
            return
        while True:
            is_last = self._closing.wait(self._seconds)
            self._exporter.add(self._read(exposition))
            if is_last:
                return

    def _read(self, exposition: Exposition) -> list[Encoded]:
        families: list[Any] = []
        try:
            families.extend(exposition.collect())
        except Exception as error:  # a collector of the script
            problem = f"some metrics were not sent: {type(error).__name__}: {error}"
            print(f"mlmagic: {problem}", file=sys.stderr, flush=True)
        return encoded(families, self._started, time.time_ns())
