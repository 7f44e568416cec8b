"""Has records delivered in batches by a thread of its own: a request waits for nothing.

What a collector does not take in time is given up, and counted in the log: a collector that is away costs the
service a bounded amount of memory, and no request.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from mlmagic.scoring.delivery.batch_thread import BatchThread, Losses
from mlmagic.scoring.delivery.delivery import Delivery, attempts

MOST_WAITING = 8192
"""So many records wait at most; of more, the newest are given up."""
MOST_AT_ONCE = 512
DELAY_SECONDS = 1.0
"""How long a record waits for others to be sent with."""
CLOSE_SECONDS = 3.0
"""How long the end of the server waits for what is still to be sent."""
_PAUSES = (0.5, 1.0, 2.0)
_QUIET_SECONDS = 60.0
"""Between two lines of the log about what could not be sent."""


class Exporter:
    """Sends one kind of records to one place."""

    def __init__(self, what: str, url: str, delivery: Delivery, *, most_at_once: int = MOST_AT_ONCE) -> None:
        """``what`` and the host of ``url`` are for messages."""
        self._delivery = delivery
        place = urlsplit(url)
        where = f"{place.scheme}://{place.hostname}" + (f":{place.port}" if place.port else "")
        # Not into the log that is sent.
        self._losses = Losses(f"{what} were not sent to {where}", _QUIET_SECONDS, lambda: sys.__stderr__)
        self._thread = BatchThread(
            f"mlmagic {what}",
            self._deliver,
            most_waiting=MOST_WAITING,
            most_at_once=most_at_once,
            delay_s=DELAY_SECONDS,
        )

    def add(self, record: Any) -> None:
        """Take a record; returns at once."""
        if not self._thread.add(record):
            self._losses.add(1, "the collector is too slow")

    def close(self) -> None:
        """Send what is waiting, for a few seconds at most."""
        if left := self._thread.close(CLOSE_SECONDS):
            self._losses.add(len(left), "the server ended")
        else:
            self._delivery.close()
        self._losses.log(at_once=True)

    def _deliver(self, records: Sequence[Any]) -> None:
        if not records:
            self._losses.log()
            return
        for outcome in attempts(self._delivery, records, _PAUSES, self._thread.may_retry_after):
            if outcome.dropped:
                self._losses.add(outcome.dropped, outcome.reason)
