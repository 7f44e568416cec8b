"""One connection without a socket."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

from mlmagic.scoring.http.connection import HttpConnection
from mlmagic.scoring.metrics import Counters
from mlmagic.scoring.service import Service


class Wire:
    """A transport that keeps what is written, and the connection at its other end."""

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.service = service
        self.written = bytearray()
        self.closed = self.paused = self.ended = False
        self.connection = HttpConnection(service, set(), loop)
        self.connection.connection_made(self)

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written += data

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.loop.call_soon(self.connection.connection_lost, None)

    abort = close

    def get_extra_info(self, name: str) -> Any:
        return ("192.0.2.1", 5000) if name == "peername" else None

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        assert not self.paused
        self.paused = True

    def resume_reading(self) -> None:
        assert self.paused
        self.paused = False

    def send(self, *pieces: bytes) -> bytes:
        """What the server answers to these pieces, when it has nothing more to say."""
        for piece in pieces:
            if self.closed:
                break
            self.connection.data_received(piece)
            self.settle()
        return self.take()

    def settle(self) -> None:
        async def turns() -> None:
            for _ in range(3):
                await asyncio.sleep(0)
            while self.connection.busy and not self.closed:
                await asyncio.sleep(0)

        self.service.scorer.thread.run(asyncio.wait_for(turns(), 5))

    def turns(self, condition: Callable[[], object]) -> None:
        """Let the loop go round a few times, and on until ``condition``."""

        async def turns() -> None:
            for _ in range(5):
                await asyncio.sleep(0)
            while not condition():
                await asyncio.sleep(0)

        self.service.scorer.thread.run(asyncio.wait_for(turns(), 5))

    @property
    def counters(self) -> Counters:
        return self.service.scorer.counters

    @property
    def module(self) -> ModuleType:
        return self.service.scorer.script.module

    def take(self) -> bytes:
        taken = bytes(self.written)
        self.written.clear()
        return taken


def post(body=b"hello", *fields):
    lines = b"".join(field + b"\r\n" for field in fields)
    return b"POST /score HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), lines, body)


def statuses(answer):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answer)]


def bodies(answer):
    found = []
    while answer:
        head, _, answer = answer.partition(b"\r\n\r\n")
        size = int((re.search(rb"Content-Length: (\d+)", head) or [0, 0])[1])
        found.append(answer[:size])
        answer = answer[size:]
    return found
