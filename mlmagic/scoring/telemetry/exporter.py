"""Has records of one kind sent to a collector in batches: a request waits for nothing.

What a collector does not take in time is given up, and counted in the log: a collector that is away costs the
service a bounded amount of memory, and no request.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

from mlmagic.scoring.delivery.delivery import Delivery
from mlmagic.scoring.delivery.losses import Losses
from mlmagic.scoring.delivery.process import DeliveryProcess
from mlmagic.scoring.delivery.queue import DeliveryQueue, Plan

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


class Exporter(Protocol):
    """Sends records of one kind to one place."""

    kind: int | None
    """The number of this kind in the process beside this one; None where this process sends them."""

    def add(self, record: Any) -> None:
        """Take a record; returns at once."""

    def close(self) -> None:
        """Send what is waiting, for a few seconds at most."""


class ExporterHere:
    """Sends them from this process."""

    kind: int | None = None

    def __init__(self, what: str, url: str, delivery: Delivery) -> None:
        """``what`` and the host of ``url`` are for messages."""
        self._losses = _losses(what, url)
        self._queue = DeliveryQueue(_plan(what, lambda: delivery, MOST_AT_ONCE), self._losses.report)

    def add(self, record: Any) -> None:
        """Take a record; returns at once."""
        self._queue.add(record)

    def close(self) -> None:
        """Send what is waiting, for a few seconds at most."""
        self._queue.close()
        self._losses.log(at_once=True)


class ExporterBeside:
    """Sends them from the process beside this one. Records are tuples of plain values."""

    def __init__(
        self,
        what: str,
        url: str,
        make: Callable[[], Delivery],
        process: DeliveryProcess,
        *,
        most_at_once: int = MOST_AT_ONCE,
    ) -> None:
        """``make`` is called in that process, so it must be picklable."""
        self._losses, self._process = _losses(what, url), process
        self.kind: int | None = process.register(_plan(what, make, most_at_once), self._losses.report)
        self._kinds = (self.kind,)

    def add(self, record: Any) -> None:
        """Take a record; returns at once."""
        self._process.add(self._kinds, [record])

    def close(self) -> None:
        """Send what is waiting, for a few seconds at most, with all else that the process has."""
        self._process.close()
        self._losses.log(at_once=True)


def _plan(what: str, make: Callable[[], Delivery], most_at_once: int) -> Plan:
    return Plan(
        f"mlmagic {what}",
        make,
        most_waiting=MOST_WAITING,
        most_at_once=most_at_once,
        delay_s=DELAY_SECONDS,
        pauses=_PAUSES,
        close_s=CLOSE_SECONDS,
        full="the collector is too slow",
        ended="the server ended",
    )


def _losses(what: str, url: str) -> Losses:
    place = urlsplit(url)
    where = f"{place.scheme}://{place.hostname}" + (f":{place.port}" if place.port else "")
    # Not into the log that is sent.
    return Losses(f"{what} were not sent to {where}", _QUIET_SECONDS, lambda: sys.__stderr__)
