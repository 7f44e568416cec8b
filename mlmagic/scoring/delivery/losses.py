"""Counts records that were lost, and logs it now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TextIO

from mlmagic.scoring.delivery.delivery import Outcome


class Losses:
    """Counts what was lost, and logs it: one line in ``quiet_s`` seconds."""

    def __init__(self, words: str, quiet_s: float, stream: Callable[[], TextIO | None]) -> None:
        """``words`` follow the count in the log, such as ``traces were not sent to HOST``."""
        self._words, self._quiet_s, self._stream = words, quiet_s, stream
        self._lock = threading.Lock()
        self._lost, self._reason, self._logged = 0, "", -quiet_s

    def report(self, outcome: Outcome) -> None:
        """Count what was dropped, and log it if it is time to."""
        if outcome.dropped:
            with self._lock:
                self._lost += outcome.dropped
                self._reason = self._reason or outcome.reason
        self.log()

    def log(self, *, at_once: bool = False) -> None:
        """Log what was lost since the last line, unless that is too recent."""
        now = time.monotonic()
        with self._lock:
            if not self._lost or (now - self._logged < self._quiet_s and not at_once):
                return
            lost, self._lost, self._logged = self._lost, 0, now
            reason, self._reason = self._reason, ""
        print(f"mlmagic: {lost} {self._words}: {reason}", file=self._stream(), flush=True)
