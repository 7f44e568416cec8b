"""A way to a server that cuts the connection in the middle of a commit."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

INSERT, COMMIT = b"INSERT INTO models", b"COMMIT"


class CutConnection:
    """A TCP proxy in front of the server at ``port``. After `cut`, it breaks the next commit's connection."""

    def __init__(self, port: int) -> None:
        self._there = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._forward: bool | None = None
        self._refuses = self._refuse_after = False

    def cut(self, *, forward: bool, refuse: bool = False) -> None:
        """Cut the connection that next commits a new model, before or after the server has the commit.

        ``refuse`` lets nobody connect after it.
        """
        self._forward, self._refuse_after = forward, refuse

    def heal(self) -> None:
        """Let connections through again."""
        self._refuses = False

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refuses:
                client.close()
                continue
            server = socket.create_connection(self._there)
            self._open |= {client, server}
            threading.Thread(target=self._pass_on, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(server, client, False), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, to_server: bool) -> None:
        inserts = False
        with suppress(OSError):
            while data := source.recv(65536):
                inserts = inserts or INSERT in data
                if to_server and self._forward is not None and inserts and COMMIT in data:
                    forward, self._forward, self._refuses = self._forward, None, self._refuse_after
                    source.shutdown(socket.SHUT_RDWR)  # the client gets no answer
                    if forward:
                        sink.sendall(data)
                        with suppress(OSError):
                            sink.recv(1)  # until the server has answered
                    break
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        for each in self._open:
            each.close()


@contextmanager
def cut_connection(port: int) -> Iterator[CutConnection]:
    """A `CutConnection` to ``port``; it is closed at the end of the block."""
    way = CutConnection(port)
    thread = threading.Thread(target=way.serve, daemon=True)
    thread.start()
    try:
        yield way
    finally:
        way._listener.shutdown(socket.SHUT_RDWR)
        way.close()
        thread.join(10)
