"""The life of an HTTP server: it accepts connections, has their requests answered, and drains."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Protocol

from mlmagic.scoring import report
from mlmagic.scoring.control import HAND_OVER, ControlSocket, Handler
from mlmagic.scoring.http.connection import Answering, HttpConnection
from mlmagic.scoring.http.descriptors import Descriptors
from mlmagic.scoring.http.listener import Listeners, accept
from mlmagic.scoring.http.socket_handover import handover_handler
from mlmagic.scoring.http.tls import HANDSHAKE_S, LOOK_S, Certificate
from mlmagic.scoring.log_rotation import LogRotation
from mlmagic.scoring.process_exit import EXIT_PATIENCE_S, exit_within
from mlmagic.scoring.report import RunDirectory
from mlmagic.scoring.signals import SignalWatcher
from mlmagic.scoring.workers.channel import HandedConnections, WorkerChannel

HANDSHAKE_PATIENCE_S = 0.25
"""How long a drain waits for the TLS handshake of a connection that was in the queue."""
IDLE_PATIENCE_S = 0.25
"""A drain closes a connection that has been idle for so long: of one that was used just now, the next request
may be on its way."""
IDLE_PATIENCE_OF_UPDATE_S = 1.0
"""The same where another server listens on the same socket: the clients go on, and must lose no request."""
Reports = RunDirectory | WorkerChannel
"""Where the server reports its changes."""
EXIT_DRAINED = 0


class LoopThread(Protocol):
    """What runs the event loop."""

    loop: asyncio.AbstractEventLoop
    after_calls: Callable[[], object]
    has_accepted: bool

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Until ``main`` is done."""


class HttpServer:
    """Has the requests of all connections answered, until a signal or a command ends it."""

    def __init__(
        self,
        thread: LoopThread,
        service: Answering,
        source: Listeners | HandedConnections,
        grace: float,
        certificate: Certificate | None = None,
        *,
        commands: Mapping[str, Handler] | None = None,
        rotation: LogRotation | None = None,
    ) -> None:
        """``grace``: seconds to finish requests in. ``commands``: handlers for the control socket."""
        self._loop = loop = thread.loop
        self._thread = thread
        self._service = service
        self._commands = commands or {}
        self._source = source
        """Where connections come from."""
        self._grace = grace
        self._rotation = rotation
        self._certificate = certificate
        self._tls: dict[str, Any] = {}
        """Arguments of the loop for TLS."""
        if certificate is not None:
            self._tls = {"ssl": certificate.context, "ssl_handshake_timeout": HANDSHAKE_S}
        self._connections: set[HttpConnection] = set()
        service.descriptors = Descriptors(self._connections, service.counters, loop)
        self._stop_requested = asyncio.Event()
        self._stop_now = False
        self._changed = asyncio.Event()

    def run(self, reports: Reports | None, folder: Path | None) -> None:
        """Serve until a signal stops the server, then finish the requests that have begun."""
        self._thread.run(self._run(reports, folder))

    async def _run(self, reports: Reports | None, folder: Path | None) -> None:
        say = reports.write if reports else write_nothing
        signals = SignalWatcher(self._loop, (signal.SIGTERM, signal.SIGINT), self._on_signal)
        self._thread.after_calls = signals.register
        await self._source.open(self._loop, self._connect, self._tls, self._finish)
        self._watch_certificate()
        if self._rotation is not None:
            self._rotation.watch(self._loop)
        control = self._listen_for_commands(folder) if folder else None
        tls = bool(self._tls)
        say(report.SERVING, **self._source.address(tls=tls))
        for words in self._source.words(tls=tls):
            print(f"mlmagic: {words}", file=sys.stderr, flush=True)
        await self._stop_requested.wait()
        if control:
            control.close()
        waiting = self._source.close(self._loop)
        accepting = [
            *self._source.accepting,
            *(self._loop.create_task(accept(self._loop, self._connect, each, self._tls)) for each in waiting),
        ]
        if accepting:
            await asyncio.wait(accepting, timeout=HANDSHAKE_PATIENCE_S)
        await self._drain()
        for each in accepting:
            each.cancel()
        signals.close()
        self._service.close()
        say(report.STOPPED)
        if self._service.stuck:
            exit_within(EXIT_PATIENCE_S, EXIT_DRAINED)

    def _watch_certificate(self) -> None:
        """Check from time to time whether the certificate was renewed."""
        if self._certificate is not None:
            self._certificate.renew()
            self._loop.call_later(LOOK_S, self._watch_certificate)

    def _listen_for_commands(self, folder: Path) -> ControlSocket:
        handlers = dict(self._commands)
        if isinstance(self._source, Listeners):
            handlers[HAND_OVER] = handover_handler(self._source.sockets[0], self._note_handover)
        return ControlSocket(folder, handlers, self._loop)

    def _note_handover(self) -> None:
        self._source.is_shared = True

    def _connect(self) -> HttpConnection:
        self._thread.has_accepted = True
        return HttpConnection(self._service, self._connections, self._loop, self._lost_connection)

    def _lost_connection(self) -> None:
        self._changed.set()
        self._source.note_closed()

    def _finish(self) -> None:
        self._stop_requested.set()
        self._changed.set()

    def _on_signal(self, number: int) -> None:
        # Supervisors may send SIGTERM again; only a person at a terminal is not willing to wait.
        self._stop_now = self._stop_now or (number == signal.SIGINT and self._stop_requested.is_set())
        self._finish()

    async def _drain(self) -> None:
        """Wait until no connection is open, the grace is over or a second Ctrl-C comes."""
        start = self._loop.time()
        patience = IDLE_PATIENCE_OF_UPDATE_S if self._source.is_shared else IDLE_PATIENCE_S
        while not self._stop_now:
            now = self._loop.time()
            # During a TLS handshake a connection is not yet in the set.
            handshakes = self._tls and now - start < HANDSHAKE_PATIENCE_S
            if not (self._connections or handshakes) or now - start >= self._grace:
                break
            for connection in list(self._connections):
                connection.drain(now - patience)
            await self._connection_closes(min(patience / 5, self._grace - (now - start)))
        for connection in list(self._connections):
            connection.transport.abort()

    async def _connection_closes(self, seconds: float) -> None:
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)


def write_nothing(phase: str, **details: Any) -> None:
    """Reports of a server without a run directory."""
