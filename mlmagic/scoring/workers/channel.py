"""A worker's side: it gets connections from the dispatcher, and tells it how it is.

They talk over a pair of sockets. The dispatcher sends one byte for each connection, with its descriptor, and
closes its end when the worker is to finish. The worker sends lines of JSON: its reports.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmagic.scoring.http.listener import accept
from mlmagic.scoring.workers.counts import Counts, WorkerCounters

CONNECTION = b"c"
SHARED = b"s"
"""Another server accepts from the queue, too: clients go on, and must lose no request."""
_END = b""
_MOST_AT_ONCE = 16
"""So many connections are taken before the event loop goes on."""


@dataclass(frozen=True, slots=True)
class WorkerChannel:
    """What one worker of a service has: its number, from 1, and its end of the pair of sockets."""

    number: int
    host: str
    """The address that the service listens at."""
    sock: socket.socket
    folder: Path | None
    """The worker's own folder in the run directory."""
    counts: Counts

    @property
    def path(self) -> Path:
        """As that of a run directory."""
        assert self.folder is not None
        return self.folder

    def counters(self) -> WorkerCounters:
        """The counters of this worker."""
        return WorkerCounters(self.counts, self.number - 1)

    def write(
        self,
        phase: str,
        *,
        url: str | None = None,
        port: int | None = None,
        error: dict[str, Any] | None = None,
    ) -> None:
        """Report to the dispatcher; silent if it is gone."""
        line = json.dumps({"phase": phase, "error": error}).encode() + b"\n"
        with contextlib.suppress(OSError):
            self.sock.setblocking(True)
            self.sock.sendall(line)
            self.sock.setblocking(False)


class HandedConnections:
    """The connections that the dispatcher hands over, for an event loop."""

    def __init__(self, channel: WorkerChannel) -> None:
        self._channel = channel
        self.host = channel.host
        self.is_shared = False
        """Whether another server accepts from the queue, too."""
        self.accepting: set[asyncio.Task[None]] = set()
        """Connections that have no protocol yet."""

    async def open(
        self,
        loop: asyncio.AbstractEventLoop,
        connect: Callable[[], asyncio.Protocol],
        tls: dict[str, Any],
        finish: Callable[[], None],
    ) -> None:
        """Take connections: each gets a protocol from ``connect``. ``finish``: no more will come."""
        sock = self._channel.sock

        def take(connection: socket.socket) -> None:
            task = loop.create_task(self._accept(loop, connect, connection, tls))
            self.accepting.add(task)
            task.add_done_callback(self.accepting.discard)

        def read() -> None:
            word: bytes | None = CONNECTION
            for _ in range(_MOST_AT_ONCE):
                word = self._receive(take)
                if not word:
                    break
            if word == _END:
                loop.remove_reader(sock)
                finish()

        loop.add_reader(sock, read)

    async def _accept(self, *of: Any) -> None:
        if not await accept(*of):
            self.note_closed()

    def note_closed(self) -> None:
        """A connection was closed: the dispatcher hands more to those that have few."""
        self._channel.counts.note_closed(self._channel.number - 1)

    def close(self, loop: asyncio.AbstractEventLoop) -> list[socket.socket]:
        """Take no more; returns those that are waiting."""
        loop.remove_reader(self._channel.sock)
        waiting: list[socket.socket] = []
        while self._receive(waiting.append):
            pass
        return waiting

    def address(self, *, tls: bool) -> dict[str, Any]:
        """Of the service; the dispatcher tells it."""
        return {}

    def words(self, *, tls: bool) -> list[str]:
        """For the log."""
        return ["ready"]

    def _receive(self, take: Callable[[socket.socket], None]) -> bytes | None:
        """Take one connection; `_END` if the dispatcher has closed its end, None if nothing has come."""
        try:  # the system returns the descriptors of one message at a time
            word, descriptors, _, _ = socket.recv_fds(self._channel.sock, 1, 1)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return _END
        self.is_shared = self.is_shared or word == SHARED
        for descriptor in descriptors:
            connection = socket.socket(fileno=descriptor)
            connection.setblocking(False)
            take(connection)
        return word


def hand_over(channel: socket.socket, connection: socket.socket) -> bool:
    """The dispatcher's side: send a connection to a worker; False if the worker takes none."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [connection.fileno()]))]
    try:
        return channel.sendmsg([CONNECTION], rights) == 1
    except OSError:
        return False
