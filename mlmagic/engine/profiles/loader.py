"""The load generator: ``python -m mlmagic.engine.profiles.loader`` sends requests to a service.

Reads JSON lines from standard input: the first is the service (host, port, path, rows in base64), each other
one a load. When a load ends, its results are written to standard output as one line. In a closed load each
client sends the next request after the last answer. In an open load requests arrive at random at a fixed
rate, whether or not earlier ones were answered, and latency counts from the arrival, so that queueing delay
counts (no coordinated omission).
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
"""The precision of an event loop's timers; a longer delay of the client counts as latency."""
BODY_KEPT = 2000
ANSWER_SECONDS = 120.0


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._done: Callable[[int, bytes], None] | None = None
        self._transport: Any = None
        self._body: list[bytes] = []
        self._parser: Any = None

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, request: bytes, done: Callable[[int, bytes], None]) -> None:
        """Send a request; ``done`` receives the status (0: no answer) and the body."""
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
    """Sends rows to one service, one after the other."""

    def __init__(self, host: str, port: int, path: str, rows: Sequence[bytes], key: str | None) -> None:
        self._host, self._port = host, port
        credential = f"Authorization: Bearer {key}\r\n" if key else ""
        self._requests = [
            (
                f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
                f"Accept: application/json\r\n{credential}Content-Length: {len(row)}\r\n\r\n"
            ).encode()
            + row
            for row in rows
        ]
        self._next = 0
        self._chance = random.Random(20)
        self._idle: list[Connection] = []
        self._free = asyncio.Semaphore(MOST_CONNECTIONS)
        self._start = 0.0
        self.latencies: list[float] = []
        """Latencies of the successes in seconds, in the order of their answers."""
        self.ends: list[float] = []
        """The time of each answer, in seconds since the load began."""
        self.failures: dict[tuple[int, str], list[int]] = {}
        """(status, body) -> the number of such answers, and the row of the first."""
        self.sent = 0

    async def closed(self, clients: int, seconds: float, at_least: int) -> None:
        """A closed load of ``clients``, for ``seconds`` and ``at_least`` so many requests."""
        self._begin()

        def over() -> bool:
            return perf_counter() - self._start >= seconds and self.sent >= at_least

        async def client() -> None:
            while not over():
                await self._one(perf_counter())

        await asyncio.gather(*(client() for _ in range(clients)))

    async def open(self, rate: float, seconds: float) -> None:
        """An open load: Poisson arrivals at ``rate`` per second, the same sequence in each profile."""
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
        await asyncio.sleep(
            max(0.0, self._start + seconds - perf_counter())
        )  # the next arrival may be far off
        await asyncio.gather(*waiting)

    def close(self) -> None:
        for connection in self._idle:
            connection.close()

    def _begin(self) -> None:
        self.latencies, self.ends, self.failures, self.sent = [], [], {}, 0
        self._start = perf_counter()

    async def _one(self, arrival: float) -> None:
        row = self._next
        self._next = (row + 1) % len(self._requests)
        self.sent += 1
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[tuple[int, bytes]] = loop.create_future()

        def done(status: int, body: bytes) -> None:
            if not answered.done():
                answered.set_result((status, body))

        async with self._free:  # in order of arrival
            try:
                connection = await self._connection()
            except OSError as error:
                self._fail(0, f"no connection: {error}".encode(), row)
                await asyncio.sleep(0.01)
                return
            connection.send(self._requests[row], done)
            try:
                status, body = await asyncio.wait_for(answered, ANSWER_SECONDS)
            except TimeoutError:
                connection.close()
                status, body = 0, f"no answer within {ANSWER_SECONDS:g} s".encode()
            now = perf_counter()
            if connection.open:
                self._idle.append(connection)
        if status == 200:
            self.latencies.append(now - arrival)
            self.ends.append(now - self._start)
        else:
            self._fail(status, body, row)

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.open:
                return connection
        _, made = await asyncio.get_running_loop().create_connection(Connection, self._host, self._port)
        return made

    def _fail(self, status: int, body: bytes, row: int) -> None:
        key = (status, body[:BODY_KEPT].decode("utf-8", "replace"))
        self.failures.setdefault(key, [0, row])[0] += 1


async def serve() -> None:
    """Run the loads of standard input one after the other, and write the results of each."""
    order = json.loads(sys.stdin.readline())
    watch = asyncio.ensure_future(end_with(order["parent"]))
    rows = [base64.b64decode(row) for row in order["rows"]]
    loader = Loader(order["host"], order["port"], order["path"], rows, order["key"])
    # In a thread, so that the event loop notices connections that are closed meanwhile.
    while line := await asyncio.to_thread(sys.stdin.readline):
        load = json.loads(line)
        began, used = perf_counter(), process_time()
        if load["kind"] == "open":
            await loader.open(load["level"], load["seconds"])
        else:
            await loader.closed(int(load["level"]), load["seconds"], load["at_least"])
        seconds = perf_counter() - began
        results = {
            "seconds": seconds,
            "asked": loader.sent,
            "latencies": loader.latencies,
            "ends": loader.ends,
            "failures": [[status, body, *rest] for (status, body), rest in loader.failures.items()],
            "client_cores": (process_time() - used) / seconds,
        }
        sys.stdout.write(json.dumps(results) + "\n")
        sys.stdout.flush()
    loader.close()
    watch.cancel()


async def end_with(parent: int) -> None:
    """Exit when the parent process has ended."""
    while os.getppid() == parent:
        await asyncio.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve())
