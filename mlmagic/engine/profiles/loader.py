"""``python -m mlmagic.engine.profiles.loader``: asks a service, in a process that does nothing else.

Reads JSON from standard input: one line says whom to ask (host, port, path, rows in base64), and each one
after it is a load, of which a line is written to standard output when it ends. Closed loads: so many clients,
each asking again as soon as it is answered. Open loads: requests arrive at random at a rate, whether or not
others were answered, and their latency counts from their arrival; so a service that falls behind is not
spared the requests it kept waiting.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import sys
from collections import deque
from collections.abc import Callable, Sequence
from time import perf_counter, process_time
from typing import Any

import httptools

MOST_CONNECTIONS = 256
LATE_SECONDS = 0.002
"""Timers of an event loop are this coarse; what comes later is the client's own delay, and counts."""
BODY_KEPT = 2000
ANSWER_SECONDS = 120.0


class Asker(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._done: Callable[[int, bytes], None] | None = None
        self._transport: Any = None
        self._body: list[bytes] = []
        self._parser: Any = None

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def ask(self, request: bytes, done: Callable[[int, bytes], None]) -> None:
        """Send; ``done`` gets the status (0: no answer) and the body."""
        self._done, self._body = done, []
        self._transport.write(request)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._transport.abort()
            self._finish(0, f"not HTTP: {error}".encode())

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._finish(0, f"the connection was cut off: {error or 'closed'}".encode())

    def on_body(self, part: bytes) -> None:
        self._body.append(part)

    def on_message_complete(self) -> None:
        self._finish(self._parser.get_status_code(), b"".join(self._body))

    def _finish(self, status: int, body: bytes) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(status, body)


class Loader:
    """Asks one service for its rows, in turn."""

    def __init__(self, host: str, port: int, path: str, rows: Sequence[bytes]) -> None:
        self._host, self._port = host, port
        self._requests = [
            (
                f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
                f"Accept: application/json\r\nContent-Length: {len(row)}\r\n\r\n"
            ).encode()
            + row
            for row in rows
        ]
        self._next = 0
        self._chance = random.Random(20)
        self._idle: list[Asker] = []
        self._free = asyncio.Semaphore(MOST_CONNECTIONS)
        self._start = 0.0
        self.latencies: list[float] = []
        """Seconds, of the successes, in the order of their answers."""
        self.ends: list[float] = []
        """When each came, in seconds since the load began."""
        self.failures: dict[tuple[int, str], list[int]] = {}
        """(status, body) -> how often, and the row of the first."""
        self.asked = 0

    async def closed(self, clients: int, seconds: float, at_least: int) -> None:
        """``clients`` at a time, until both the time is over and so many were asked."""
        self._begin()

        def over() -> bool:
            return perf_counter() - self._start >= seconds and self.asked >= at_least

        async def client() -> None:
            while not over():
                await self._one(perf_counter())

        await asyncio.gather(*(client() for _ in range(clients)))

    async def open(self, rate: float, seconds: float) -> None:
        """``rate`` a second on average, at random (Poisson), the same in each profile."""
        self._begin()
        chance = self._chance
        waiting: deque[asyncio.Task[None]] = deque()
        due = chance.expovariate(rate)
        while due < seconds:
            await asyncio.sleep(max(0.0, self._start + due - perf_counter()))
            now = perf_counter()
            while due < seconds and self._start + due <= now:
                late = now - self._start - due
                arrival = self._start + due if late > LATE_SECONDS else now
                waiting.append(asyncio.ensure_future(self._one(arrival)))
                due += chance.expovariate(rate)
            while waiting and waiting[0].done():
                waiting.popleft()
        await asyncio.sleep(max(0.0, self._start + seconds - perf_counter()))  # nobody may come for long
        await asyncio.gather(*waiting)

    def close(self) -> None:
        for asker in self._idle:
            asker.close()

    def _begin(self) -> None:
        self.latencies, self.ends, self.failures, self.asked = [], [], {}, 0
        self._start = perf_counter()

    async def _one(self, arrival: float) -> None:
        row = self._next
        self._next = (row + 1) % len(self._requests)
        self.asked += 1
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[tuple[int, bytes]] = loop.create_future()

        def done(status: int, body: bytes) -> None:
            if not answered.done():
                answered.set_result((status, body))

        async with self._free:  # in order of arrival
            try:
                asker = await self._asker()
            except OSError as error:
                self._fail(0, f"no connection: {error}".encode(), row)
                await asyncio.sleep(0.01)
                return
            asker.ask(self._requests[row], done)
            try:
                status, body = await asyncio.wait_for(answered, ANSWER_SECONDS)
            except TimeoutError:
                asker.close()
                status, body = 0, f"no answer within {ANSWER_SECONDS:g} s".encode()
            now = perf_counter()
            if asker.open:
                self._idle.append(asker)
        if status == 200:
            self.latencies.append(now - arrival)
            self.ends.append(now - self._start)
        else:
            self._fail(status, body, row)

    async def _asker(self) -> Asker:
        while self._idle:
            asker = self._idle.pop()
            if asker.open:
                return asker
        _, made = await asyncio.get_running_loop().create_connection(Asker, self._host, self._port)
        return made

    def _fail(self, status: int, body: bytes, row: int) -> None:
        key = (status, body[:BODY_KEPT].decode("utf-8", "replace"))
        self.failures.setdefault(key, [0, row])[0] += 1


async def serve() -> None:
    """Do one load after another, and tell of each, until there are no more."""
    order = json.loads(sys.stdin.readline())
    watch = asyncio.ensure_future(end_with(order["parent"]))
    rows = [base64.b64decode(row) for row in order["rows"]]
    loader = Loader(order["host"], order["port"], order["path"], rows)
    # In a thread: a connection that is closed meanwhile is noticed.
    while line := await asyncio.to_thread(sys.stdin.readline):
        load = json.loads(line)
        began, used = perf_counter(), process_time()
        if load["kind"] == "open":
            await loader.open(load["level"], load["seconds"])
        else:
            await loader.closed(int(load["level"]), load["seconds"], load["at_least"])
        seconds = perf_counter() - began
        told = {
            "seconds": seconds,
            "asked": loader.asked,
            "latencies": loader.latencies,
            "ends": loader.ends,
            "failures": [[status, body, *rest] for (status, body), rest in loader.failures.items()],
            "client_cores": (process_time() - used) / seconds,
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
    loader.close()
    watch.cancel()


async def end_with(parent: int) -> None:
    """Leave when the process that asked is gone: nobody wants the answer."""
    while os.getppid() == parent:
        await asyncio.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve())
