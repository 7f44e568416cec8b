"""The life of a server: load the script, init(), bind, serve, drain.

It listens only after init() has returned: a port that answers is a service that works.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import gc
import inspect
import os
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmagic.scoring import report
from mlmagic.scoring.access import Access
from mlmagic.scoring.calls.scorer import Scorer
from mlmagic.scoring.calls.script_thread import ScriptThread
from mlmagic.scoring.description.swagger import Swagger
from mlmagic.scoring.door import HAND_OVER, RELOAD, Door
from mlmagic.scoring.event_loop import new_event_loop
from mlmagic.scoring.failures import StartFailed
from mlmagic.scoring.http.handover import giver, take
from mlmagic.scoring.http.listening import BACKLOG, bind, url_of
from mlmagic.scoring.http.protocol import HttpConnection
from mlmagic.scoring.http.tls import HANDSHAKE_S, LOOK_S, Certificate
from mlmagic.scoring.limits import Limits
from mlmagic.scoring.logs import log_format, mark_lines
from mlmagic.scoring.process_exit import EXIT_PATIENCE_S, exit_within
from mlmagic.scoring.recorder import Recorder
from mlmagic.scoring.report import RunDirectory
from mlmagic.scoring.script import InitFailed, ScriptFailed, UserScript, WarmupFailed
from mlmagic.scoring.service import Service
from mlmagic.scoring.signals import SignalWatcher
from mlmagic.scoring.surroundings import MODEL_DIR, Surroundings, model_files

EXIT_DRAINED = 0
EXIT_SCRIPT_FAILED = 3

_WHERE = {
    "import": "while it was imported",
    "init": "in init()",
    "warmup": "in run(), called with its own warmup sample",
}

FIRST_REQUEST_S = 0.25
"""How long a drain waits for a connection that was accepted and has not sent its first request."""


@dataclass(frozen=True)
class Address:
    """Where to listen, and how long to stay for those who are being served."""

    host: str = "127.0.0.1"
    port: int = 5001
    prefer: int = 0
    take_over: str | None = None
    """Run directory of the server that listens there now."""
    grace: float = 10.0


@dataclass(frozen=True)
class Guard:
    """Files with what callers must know, and with what connections are encrypted; None is nothing."""

    keys_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


def serve(
    place: Surroundings,
    address: Address,
    directory: RunDirectory | None,
    guard: Guard | None = None,
    *,
    batch: bool = False,
    live: bool = False,
) -> int:
    """Serve the script at ``place`` until a signal says stop; the exit code.

    ``batch``: requests that have arrived are one call. ``live``: the script can be reloaded.
    """
    faulthandler.enable()
    mark_lines(log_format())
    loop = new_event_loop()
    asyncio.set_event_loop(loop)
    guard = guard or Guard()
    try:
        limits = Limits.of()
        recorder = Recorder.of(directory.path if directory else None, loop)
        access = Access.of(guard.keys_file, os.environ)
        certificate = Certificate.of(guard.cert_file, guard.key_file)
        script = load(place, loop, batch=batch)
        sock = _listen(address)
    except ScriptFailed as error:
        complain(error)
        _say(directory, report.FAILED, error=error.record())
        return EXIT_SCRIPT_FAILED
    except StartFailed as error:
        print(f"mlmagic: {error}", file=sys.stderr, flush=True)
        _say(directory, report.FAILED, error=error.record())
        return error.exit_code
    # What the libraries have made stays: the collector need not look at it again.
    gc.freeze()
    thread = ScriptThread(loop)
    scorer = Scorer(script, thread, limits=limits)
    service = Service(scorer, Swagger(place.source, schema=script.schema), access, recorder)
    server = Server(loop, service, place, sock, address.grace, certificate, live=live)
    thread.run(server.live(directory))
    return EXIT_DRAINED


def _listen(address: Address) -> socket.socket:
    if address.take_over is None:
        return bind(address.host, address.port, prefer=address.prefer)
    taken = take(Path(address.take_over), address.port or address.prefer)
    return taken or bind(address.host, address.port, prefer=address.prefer, share=True)


def load(place: Surroundings, loop: asyncio.AbstractEventLoop, *, batch: bool = False) -> UserScript:
    """Import the script, call its init(), try its own sample. Raises `ScriptFailed`."""
    place.enter()
    script = UserScript.load(place.script, as_main=True, batch=batch)
    _wait_for(script.init(), loop, InitFailed)
    _wait_for(script.warm_up(), loop, WarmupFailed)
    return script


def _wait_for(started: object, loop: asyncio.AbstractEventLoop, failure: type[ScriptFailed]) -> None:
    if inspect.isawaitable(started):
        try:
            loop.run_until_complete(_finish(started))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise failure(error) from error


def complain(error: ScriptFailed) -> None:
    """Tell the log why the script failed."""
    record = error.record()
    where = _WHERE.get(record["phase"], "in run()")
    lines = [f"mlmagic: the script failed {where}", record["traceback"].rstrip()]
    if isinstance(error.cause, FileNotFoundError) and record["phase"] == "init" and MODEL_DIR in os.environ:
        lines += [f"{MODEL_DIR} ({os.environ[MODEL_DIR]}) holds:", *(f"  {file}" for file in model_files())]
    elif error.hint:
        lines.append(error.hint)
    print("\n".join(lines), file=sys.stderr, flush=True)


class Server:
    """A script that is ready, on a socket that is bound."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        service: Service,
        place: Surroundings,
        sock: socket.socket,
        grace: float,
        certificate: Certificate | None = None,
        *,
        live: bool = False,
    ) -> None:
        self._loop = loop
        self._service = service
        self._place = place
        self._live = live
        self._sock = sock
        self._grace = grace
        self._certificate = certificate
        self._tls: dict[str, Any] = {}
        """What the loop is told of TLS."""
        if certificate is not None:
            self._tls = {"ssl": certificate.context, "ssl_handshake_timeout": HANDSHAKE_S}
        self._connections: set[HttpConnection] = set()
        self._told_to_stop = asyncio.Event()
        self._hurry = False
        self._changed = asyncio.Event()

    async def live(self, directory: RunDirectory | None) -> None:
        """Serve until told to stop, then finish what has begun."""
        signals = SignalWatcher(self._loop, (signal.SIGTERM, signal.SIGINT), self._on_signal)
        listener = await self._loop.create_server(
            self._connect, sock=self._sock, backlog=BACKLOG, **self._tls
        )
        self._watch_certificate()
        door = self._open_door(directory.path) if directory else None
        url, port = url_of(self._sock, tls=bool(self._tls)), self._sock.getsockname()[1]
        _say(directory, report.SERVING, url=url, port=port)
        print(f"mlmagic: serving at {url}", file=sys.stderr, flush=True)
        await self._told_to_stop.wait()
        if door:
            door.close()
        waiting = self._accept_waiting()
        listener.close()
        handshakes = [self._loop.create_task(self._welcome(connection)) for connection in waiting]
        if handshakes:
            await asyncio.wait(handshakes, timeout=FIRST_REQUEST_S)
        await self._drain()
        for handshake in handshakes:
            handshake.cancel()
        signals.close()
        self._service.close()
        _say(directory, report.STOPPED)
        if self._service.scorer.runner.stuck:
            exit_within(EXIT_PATIENCE_S, EXIT_DRAINED)

    async def _welcome(self, connection: socket.socket) -> None:
        # A client that spoils its handshake, or leaves, is no concern of the others.
        with contextlib.suppress(OSError):
            await self._loop.connect_accepted_socket(self._connect, connection, **self._tls)

    def _watch_certificate(self) -> None:
        """Look now and then whether the certificate was renewed."""
        if self._certificate is not None:
            self._certificate.renew()
            self._loop.call_later(LOOK_S, self._watch_certificate)

    def _open_door(self, folder: Path) -> Door:
        handlers = {HAND_OVER: giver(self._sock)}
        if self._live:
            from mlmagic.scoring.live.reload import Reloader

            scorer = self._service.scorer
            reloader = Reloader(scorer.script, self._place.script, scorer.runner, self._use)
            handlers[RELOAD] = reloader.handle
        return Door(folder, handlers, self._loop)

    def _use(self, script: UserScript) -> None:
        self._service.scorer.use(script)
        self._service.swagger = Swagger(self._place.source, schema=script.schema)

    def _accept_waiting(self) -> list[socket.socket]:
        """Those who are connected and not yet accepted: closing the listener would cut them off."""
        waiting = []
        with contextlib.suppress(BlockingIOError):
            while True:
                waiting.append(self._sock.accept()[0])
        return waiting

    def _connect(self) -> HttpConnection:
        return HttpConnection(self._service, self._connections, self._loop, self._changed.set)

    def _on_signal(self) -> None:
        self._hurry = self._told_to_stop.is_set()
        self._told_to_stop.set()
        self._changed.set()

    async def _drain(self) -> None:
        """Until nobody is left, the grace is over or a second signal comes."""
        start = self._loop.time()
        while not self._hurry:
            elapsed = self._loop.time() - start
            patient = elapsed < FIRST_REQUEST_S
            # Who is still shaking hands is not yet among the connections: TLS is patient in any case.
            somebody = self._connections or (patient and self._tls)
            if not somebody or elapsed >= self._grace:
                break
            for connection in list(self._connections):
                connection.drain(patient=patient)
            await self._something_changes(FIRST_REQUEST_S if patient else self._grace - elapsed)
        for connection in list(self._connections):
            connection.transport.abort()

    async def _something_changes(self, seconds: float) -> None:
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)


async def _finish(awaitable: object) -> None:
    await awaitable  # type: ignore[misc]


def _say(
    directory: RunDirectory | None,
    phase: str,
    *,
    url: str | None = None,
    port: int | None = None,
    error: dict[str, str] | None = None,
) -> None:
    if directory:
        directory.say(phase, url=url, port=port, error=error)
