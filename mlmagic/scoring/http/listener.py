"""The listening socket: on a given port or any free one, never on one that is in use."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

from mlmagic.scoring.http.allowed_hosts import is_loopback
from mlmagic.scoring.start_errors import StartFailed

BACKLOG = 2048


class CannotListen(StartFailed):
    """The address cannot be listened on."""

    phase = "bind"
    exit_code = 98


class PortTaken(CannotListen):
    """``port`` is in use."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"port {port} is in use",
            hint=f"Stop the process that listens on {port}, or choose another port (0 is any free one).",
        )


class Exposed(StartFailed):
    """Everyone who reaches this machine could call the service."""

    phase = "access"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"listening on {host or 'all addresses'} without authentication: everyone who reaches this "
            "machine could call the service",
            hint="Give keys with --keys-file or MLMAGIC_PRIMARY_KEY, listen on 127.0.0.1, or allow everyone "
            "with --no-auth.",
        )


def check_exposure(host: str, *, guarded: bool, no_auth: bool) -> None:
    """Raises `Exposed` for a server without authentication on more than this machine, unless ``no_auth``."""
    if not (guarded or no_auth or is_loopback(host)):
        raise Exposed(host)


def bind(host: str, port: int, *, prefer: int = 0, share: bool = False) -> socket.socket:
    """A bound socket, not listening yet. Raises `PortTaken`, or `CannotListen` for any other reason.

    With ``port`` 0 any free port is taken, ``prefer`` first. With ``share`` the port may be in use by
    a server that is about to end.
    """
    if port == 0 and prefer:
        try:
            return bind(host, prefer, share=share)
        except PortTaken:
            return bind(host, 0)
    try:
        # A port that was bound with SO_REUSEPORT could be bound here too: try without it first.
        if port and not share:
            _bound(host, port, reuse=False).close()
        return _bound(host, port, reuse=True)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(port) from error
        raise CannotListen(f"cannot listen on {host} port {port}: {error.strerror or error}") from error


class Listeners:
    """The sockets that a server listens on itself: that of the service, and perhaps one for health checks."""

    def __init__(self, sockets: Sequence[socket.socket], *, is_shared: bool) -> None:
        self.sockets = sockets
        self.host = str(sockets[0].getsockname()[0])
        self.is_shared = is_shared
        """Whether another server listens on the socket, too, or did."""
        self.accepting: set[asyncio.Task[None]] = set()
        """Connections that have no protocol yet: none, the loop does it at once."""
        self._servers: list[asyncio.AbstractServer] = []

    async def open(
        self,
        loop: asyncio.AbstractEventLoop,
        connect: Callable[[], asyncio.Protocol],
        tls: dict[str, Any],
        finish: Callable[[], None],
    ) -> None:
        """Accept connections: each gets a protocol from ``connect``. ``tls`` is for `create_server`."""
        close_in_forks(self.sockets)
        for sock in self.sockets:
            self._servers.append(await loop.create_server(connect, sock=sock, backlog=BACKLOG, **tls))

    def close(self, loop: asyncio.AbstractEventLoop) -> list[socket.socket]:
        """Accept no more; returns the connections in the queue, which would be reset."""
        waiting = []
        for sock in self.sockets:
            with contextlib.suppress(BlockingIOError):
                while True:
                    waiting.append(sock.accept()[0])
        for server in self._servers:
            server.close()
        return waiting

    def note_closed(self) -> None:
        """A connection was closed."""

    def address(self, *, tls: bool) -> dict[str, Any]:
        """The URL and the port of the service."""
        return {"url": url_of(self.sockets[0], tls=tls), "port": self.sockets[0].getsockname()[1]}

    def words(self, *, tls: bool) -> list[str]:
        """Where the server listens, for the log."""
        found = [f"serving at {url_of(self.sockets[0], tls=tls)}"]
        return found + [f"health checks at {url_of(each, tls=tls)} too" for each in self.sockets[1:]]


async def accept(
    loop: asyncio.AbstractEventLoop,
    connect: Callable[[], asyncio.Protocol],
    connection: socket.socket,
    tls: dict[str, Any],
) -> bool:
    """Serve a connection that was accepted; False for a client whose handshake fails."""
    try:
        await loop.connect_accepted_socket(connect, connection, **tls)
    except OSError:
        return False
    return True


def close_in_forks(listening: Sequence[socket.socket]) -> None:
    """Close these sockets in each process that a script forks, or they keep the port as long as it runs."""

    def close() -> None:
        for sock in listening:
            if sock.fileno() >= 0:
                os.close(sock.detach())

    os.register_at_fork(after_in_child=close)


def url_of(sock: socket.socket, *, tls: bool = False) -> str:
    """Where a client on this machine reaches ``sock``."""
    host, port = sock.getsockname()[:2]
    here = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host) or (f"[{host}]" if ":" in host else host)
    return f"{'https' if tls else 'http'}://{here}:{port}"


def _bound(host: str, port: int, *, reuse: bool) -> socket.socket:
    family, kind, proto, _, address = socket.getaddrinfo(
        # As text, the tables of all Unicode names would be imported even for "127.0.0.1".
        host.encode() if host.isascii() else host,
        port,
        type=socket.SOCK_STREAM,
        flags=socket.AI_PASSIVE,
    )[0]
    sock = socket.socket(family, kind, proto)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse and hasattr(socket, "SO_REUSEPORT"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock
