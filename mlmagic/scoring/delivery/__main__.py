"""``python -m mlmagic.scoring.delivery FD``: delivers the records that a server sends; see `process`.

The first message is what makes the delivery. Then there are records, and the names of methods, each of which
is answered.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

from mlmagic.scoring.delivery.delivery import Delivery
from mlmagic.scoring.process_title import show_service

NICENESS = 10


def main() -> None:
    """Deliver until the server has closed the connection."""
    for number in (signal.SIGINT, signal.SIGTERM):  # those are for the server, which closes the connection
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)  # where cores are few, requests come first
    show_service("delivery")
    with Connection(int(sys.argv[1])) as server:
        try:
            delivery: Delivery = pickle.loads(server.recv_bytes())()
            _obey(server, delivery)
        except (EOFError, OSError):  # the server has ended
            return


def _obey(server: Connection, delivery: Delivery) -> None:
    records: list[Any] = []
    try:
        while True:
            message: str | list[Any] = pickle.loads(server.recv_bytes())
            if not isinstance(message, str):
                records += message
                continue
            outcome = delivery.deliver(records) if message == "deliver" else delivery.again()
            records = []
            server.send_bytes(pickle.dumps(outcome))
    finally:
        delivery.close()


if __name__ == "__main__":
    main()
