"""Reads the metrics of a server at intervals and sends them: those of GET /metrics."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlmagic.scoring.metrics import Counters, Exposition
from mlmagic.scoring.telemetry.exporter import CLOSE_SECONDS, Exporter


class MetricReader:
    """Sends the metrics of one server every so many seconds, and when it ends."""

    def __init__(
        self,
        exporter: Callable[[Mapping[str, str]], Exporter],
        encode: Callable[[Sequence[Any], int, int], Any],
        resource: Mapping[str, str],
        seconds: float,
        counters: Counters,
    ) -> None:
        """``exporter`` makes one for what a resource describes, ``encode`` a record of it of the metrics.

        ``resource`` describes the service, whose replicas may share ``counters``. ``encode`` gets the metrics
        as prometheus-client has them, when the server began to count, and now, in nanoseconds.
        """
        self._counters, self._seconds, self._encode = counters, seconds, encode
        self._started = time.time_ns() - int((time.monotonic() - counters.started) * 1e9)
        self._exporter = exporter({**resource, "service.instance.id": counters.instance})
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

    def _read(self, exposition: Exposition) -> Any:
        families: list[Any] = []
        try:
            families.extend(exposition.collect())
        except Exception as error:  # a collector of the script
            problem = f"some metrics were not sent: {type(error).__name__}: {error}"
            print(f"mlmagic: {problem}", file=sys.stderr, flush=True)
        return self._encode(families, self._started, time.time_ns())
