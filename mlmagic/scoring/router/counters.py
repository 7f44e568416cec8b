"""What the router has counted: for each version, for each shadow, and for the endpoint as a whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mlmagic.scoring.metrics import Counters
from mlmagic.scoring.router.shadows import Shadow
from mlmagic.scoring.router.version import Version


class RouterCounters(Counters):
    """The counters of an endpoint. Those of a version that was removed still count for the whole."""

    __slots__ = ("_past", "_removed", "_shadows", "_versions")

    def __init__(self, versions: Mapping[str, Version], shadows: Mapping[str, Shadow]) -> None:
        super().__init__()
        self._versions, self._shadows = versions, shadows
        self._past = Counters()
        """Those of removed versions that have answered everything."""
        self._removed: list[Counters] = []
        """Those of removed versions that still have requests to answer."""

    def keep(self, removed: Counters) -> None:
        """Keep what a version has counted, and still counts, that is removed."""
        self._removed.append(removed)
        over = [each for each in self._removed if not each.in_flight]
        self._removed = [each for each in self._removed if each.in_flight]
        self._past = total([self._past, *over])
        self._past.latest.clear()

    def totals(self) -> Counters:
        sums = total([self._past, *self._removed, *(each.counters for each in self._versions.values())])
        sums.unread, sums.descriptors = self.unread, self.descriptors
        sums.instance, sums.started = self.instance, self.started
        return sums

    def of_version(self, name: str) -> dict[str, Any]:
        """The figures of one version, and of its answers as a shadow."""
        found = self._versions[name].counters.summary()
        shadow = self._shadows.get(name)
        if shadow is not None:
            found["shadow"] = {**shadow.counters.summary(), **shadow.comparison.counts()}
        return found

    def summary(self) -> dict[str, Any]:
        """Those of the whole, and in ``versions`` those of each by name."""
        return {
            **self.totals().summary(),
            "versions": {name: self.of_version(name) for name in self._versions},
        }

    def by_version(self) -> Iterator[tuple[str, Counters]]:
        for name, version in self._versions.items():
            yield name, version.counters


def total(counters: Iterable[Counters]) -> Counters:
    """The sum of counters."""
    sums = Counters()
    for each in counters:
        for status, count in each.by_status.items():
            sums.by_status[status] = sums.by_status.get(status, 0) + count
        sums.durations = [one + other for one, other in zip(sums.durations, each.durations, strict=True)]
        sums.seconds += each.seconds
        sums.in_flight += each.in_flight
        sums.latest = deque([*sums.latest, *each.latest])
    return sums
