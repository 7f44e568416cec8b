"""``python -m mlmagic.scoring.delivery RECORDS REPORTS``: delivers what a server records; see `process`.

Both are descriptors of pipes. Out of the first come lists of items, see `queues`; into the other go the kind
of some records and the fields of their `Outcome`.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import Any

from mlmagic.scoring.delivery.delivery import Outcome
from mlmagic.scoring.delivery.messages import Messages, message
from mlmagic.scoring.delivery.queues import DeliveryQueues
from mlmagic.scoring.process_title import show_service

NICENESS = 10
_PIECE_BYTES = 1 << 20
_LONGEST_REASON = 500
"""Characters: a report is written in one piece, which a pipe guarantees for 4096 bytes."""


class Reports:
    """Tells the server what became of records."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._lossy: set[int] = set()

    def write(self, kind: int, outcome: Outcome) -> None:
        """Tell it. An empty outcome only where records were dropped: their loss may not be logged yet."""
        if outcome.dropped:
            self._lossy.add(kind)
        elif not outcome.delivered and kind not in self._lossy:
            return
        told: tuple[Any, ...] = (kind, *outcome._replace(reason=outcome.reason[:_LONGEST_REASON]))
        with suppress(OSError):  # the server has ended
            os.write(self._pipe, message(told))


def main() -> None:
    """Deliver until the server has closed its pipe, or has ended."""
    for number in (signal.SIGINT, signal.SIGTERM):  # those are for the server, which closes the pipe
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)  # where cores are few, requests come first
    show_service("delivery")
    records, reports = map(int, sys.argv[1:3])
    queues, messages = DeliveryQueues(Reports(reports).write), Messages()
    while piece := os.read(records, _PIECE_BYTES):
        for group in messages.read(piece):
            queues.take(group)
    queues.close()


if __name__ == "__main__":
    main()
