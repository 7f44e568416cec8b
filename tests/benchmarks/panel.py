"""What the panel and open cards cost the Jupyter server: `python -m tests.benchmarks.panel`.

200 services on the fake target, whose figures change every second, are supervised by a process of their own,
and another process writes 2,000 events a minute. A page has the table of services open, and so many of their
cards. The server's CPU time is read from the system. The target: under 5 % of a core.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from websocket import WebSocket, create_connection

from mlmagic.core.events import EventKind, service_subject
from mlmagic.engine.engine import Engine
from mlmagic.workspace import events
from mlmagic.workspace.location import Location
from tests.benchmarks.cards import supervised
from tests.support.jupyter_server import BASE, TOKEN, Server, jupyter_server

SETTLE_SECONDS = 5.0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--services", type=int, default=200)
    options.add_argument("--events", type=int, default=2000, help="Events a minute.")
    options.add_argument("--seconds", type=float, default=20.0, help="How long each is measured.")
    given = options.parse_args()
    print(f"{'cards':>6}{'events a minute':>18}{'share of a core':>18}{'messages/s':>14}{'kB/s':>10}")
    with (
        tempfile.TemporaryDirectory(prefix="mlmagic-benchmark-") as name,
        jupyter_server(Path(name)) as server,
        supervised(server.location.folder, given.services),
    ):
        for count, per_minute in ((0, 0), (0, given.events), (10, 0), (10, given.events)):
            with writing(server.location, given.services, per_minute):
                share, messages, size = _measure(server, count, given.seconds)
            print(f"{count:6}{per_minute:18}{share:18.2%}{messages:14.1f}{size / 1000:10.1f}", flush=True)


def _measure(server: Server, count: int, seconds: float) -> tuple[float, float, float]:
    """With the table and ``count`` cards open: share of a core, messages and bytes a second."""
    url = f"ws://127.0.0.1:{server.port}{BASE}mlmagic/channel?token={TOKEN}"
    page = create_connection(url, timeout=60)
    try:
        page.send(json.dumps({"open": 0, "component": "services", "workspace": server.location.key}))
        rows = json.loads(page.recv())["values"]["rows"]
        for number, row in enumerate(rows[:count], 1):
            wanted = {"component": "service", "workspace": server.location.key, "service": row["name"]}
            page.send(json.dumps({"open": number, **wanted, "id": row["id"]}))
        _read(page, SETTLE_SECONDS)
        process = psutil.Process(server.pid)
        before = sum(process.cpu_times()[:2])
        messages, size = _read(page, seconds)
        return (sum(process.cpu_times()[:2]) - before) / seconds, messages / seconds, size / seconds
    finally:
        page.close()


def _read(page: WebSocket, seconds: float) -> tuple[int, int]:
    """Messages and bytes within that time."""
    until, messages, size = time.monotonic() + seconds, 0, 0
    while time.monotonic() < until:
        size += len(page.recv())
        messages += 1
    return messages, size


@contextmanager
def writing(location: Location, services: int, per_minute: int) -> Iterator[None]:
    """Events of all services in turn, from this process."""
    over = threading.Event()
    engine = Engine(location, supervise=False, use_daemon=False)

    def write() -> None:
        number = 0
        while not over.wait(60 / per_minute):
            number += 1
            with engine.memory.writing() as tx:
                subject = service_subject(f"svc-{number % services:02}")
                events.append(tx, EventKind.LABELLED, subject, f"event {number}")

    thread = threading.Thread(target=write)
    if per_minute:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if per_minute:
            thread.join()
        engine.close()


if __name__ == "__main__":
    main()
