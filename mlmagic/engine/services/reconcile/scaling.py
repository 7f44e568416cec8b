"""Decides when to tell a target how many replicas of a service to run."""

from __future__ import annotations

from dataclasses import dataclass

from mlmagic.core.webservice import Observation, Webservice
from mlmagic.engine.services.reconcile.planner import restart_delay

FRESH_SECONDS = 10.0


@dataclass(slots=True)
class Scaling:
    """What a supervisor has told a service's target. It is not stored: to tell it again does no harm."""

    _told: tuple[str, int | None] | None = None
    """The handle, and the number for it."""
    _times: int = 0
    _next: float = 0.0
    """When it may be told again, by the monotonic clock."""
    _fresh_until: float = 0.0

    def is_fresh(self, now: float) -> bool:
        """Whether it was told a moment ago: the service is looked at more often then."""
        return now < self._fresh_until

    def is_due(self, service: Webservice, seen: Observation, now: float) -> bool:
        """Whether to tell it now: of a new number, and ever more seldom while replicas are missing."""
        if service.replicas is None:
            return False
        wanted = repr(service.handle), service.replicas
        if wanted == self._told:
            if seen.idle or seen.ready >= service.replicas:
                self._times = 1
                return False
            if now < self._next:
                return False
        else:
            self._told, self._times = wanted, 0
            self._fresh_until = now + FRESH_SECONDS
        self._times += 1
        self._next = now + restart_delay(self._times + 2)
        return True
