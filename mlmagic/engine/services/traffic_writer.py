"""Writes the measured traffic of a supervisor's services, all that is due in one transaction."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from mlmagic.core.request_counts import RequestCounts
from mlmagic.core.traffic_history import WINDOW_SECONDS, TrafficPoint
from mlmagic.core.webservice import Webservice
from mlmagic.engine.services.traffic_meter import TrafficMeter
from mlmagic.workspace import services, traffic_history
from mlmagic.workspace.memory import Memory

GATHER_SECONDS = 2.5
"""The services are looked at every two seconds: after so long, the points of all of them are there."""


class _Waiting(NamedTuple):
    """A point that is not written yet, by the monotonic clock."""

    service: Webservice
    point: TrafficPoint
    counts: RequestCounts


class TrafficWriter:
    """Collects points of services from several threads. At rest there are none, and nothing is written."""

    def __init__(self, memory: Memory, mark: str) -> None:
        """``mark`` is the name that the supervisor's leases carry."""
        self._memory, self._mark = memory, mark
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._since = 0.0

    def collect(self, service: Webservice, meter: TrafficMeter, *, ending: bool = False) -> None:
        """Take the point that a service's meter has finished, if any."""
        now = time.monotonic()
        point = meter.finished(now, ending=ending)
        if point is None:
            return
        with self._lock:
            if not self._waiting:
                self._since = now
            self._waiting.append(_Waiting(service, point, meter.counts))

    def is_due(self, now: float) -> bool:
        """Whether there is something to write, and the other services had the time to add theirs."""
        return bool(self._waiting) and now - self._since >= GATHER_SECONDS

    def write(self) -> None:
        """Write what waits. Points of services that are gone, or supervised by another process, are dropped.

        If the database is away, they wait for the next time.
        """
        with self._lock:
            taken, self._waiting = self._waiting, []
        if not taken:
            return
        try:
            with self._memory.writing_quietly() as tx:  # viewers read it every few seconds anyway
                tokens = services.lease_tokens(tx, self._mark)
                now = time.monotonic()
                traffic_history.add(
                    tx,
                    [
                        traffic_history.Measured(service.id, point, counts, now - point.time)
                        for service, point, counts in taken
                        if tokens.get(service.id) == service.lease_token
                    ],
                )
        except BaseException:
            oldest = time.monotonic() - WINDOW_SECONDS
            with self._lock:
                self._since = time.monotonic()
                self._waiting[:0] = [each for each in taken if each.point.time > oldest]
            raise
