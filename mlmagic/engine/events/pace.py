"""How often something may be done: at once after a rest, and evenly in a flood."""

from __future__ import annotations

import math


class Pace:
    """``burst`` times at once; then one for each ``pause`` seconds, which also add up to a new burst."""

    def __init__(self, burst: int, pause: float) -> None:
        self._burst, self._pause = float(burst), pause
        self._left, self._asked = self._burst, -math.inf

    def delay(self, now: float) -> float:
        """Seconds from ``now`` (monotonic) until it may be done; with 0 it counts as done."""
        if self._pause <= 0:
            return 0.0
        self._left = min(self._burst, self._left + (now - self._asked) / self._pause)
        self._asked = now
        if self._left < 1:
            return (1 - self._left) * self._pause
        self._left -= 1
        return 0.0
