"""Counters of requests that only grow, from the points of the traffic history, which are deleted in time.

They have what a scrape of the services cannot: services that are idle, and all replicas of the others.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from mlmagic.workspace.traffic_history import CountedPoint


class Totals(NamedTuple):
    """Of a service, since this process first looked."""

    requests: float = 0.0
    errors: float = 0.0


class RequestTotals:
    """The totals of one workspace. Several threads may add points."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals: dict[str, Totals] = {}
        self._seen: frozenset[tuple[str, int, float]] | None = None
        """The points that are counted, of those that are still there."""

    def add(self, points: Iterable[CountedPoint]) -> Mapping[str, Totals]:
        """Count the points that are new, and return the totals by the service's id.

        The first points were before this process: counted, they would be counted again with each start.
        """
        with self._lock:
            found = {(each.service_id, each.id, each.time): each for each in points}
            seen = found.keys() if self._seen is None else self._seen
            for key, point in found.items():
                if key not in seen:
                    before = self._totals.get(point.service_id, Totals())
                    self._totals[point.service_id] = Totals(
                        before.requests + point.requests, before.errors + point.errors
                    )
            self._seen = frozenset(found)
            return dict(self._totals)
