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
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmagic.scoring import report, settings
from mlmagic.scoring.authentication import Authenticator
from mlmagic.scoring.calls.scorer import Scorer
from mlmagic.scoring.calls.script_thread import ScriptThread
from mlmagic.scoring.control import HAND_OVER, RELOAD, ControlSocket, Handler
from mlmagic.scoring.debugger import connect_debugger
from mlmagic.scoring.environment import MODEL_DIR, SOURCE_DIRECTORY, ScriptEnvironment, model_files
from mlmagic.scoring.event_loop import new_event_loop
from mlmagic.scoring.http.allowed_hosts import VARIABLE, AllowedHosts, names_of
from mlmagic.scoring.http.body_budget import BUDGET
from mlmagic.scoring.http.connection import HttpConnection
from mlmagic.scoring.http.descriptors import Descriptors
from mlmagic.scoring.http.listener import CannotListen, Listeners, accept, bind, check_exposure
from mlmagic.scoring.http.socket_handover import handover_handler, receive_socket
from mlmagic.scoring.http.tls import HANDSHAKE_S, LOOK_S, Certificate
from mlmagic.scoring.init_limit import init_limit
from mlmagic.scoring.limits import Limits
from mlmagic.scoring.log_rotation import LogRotation
from mlmagic.scoring.logging_file import configure_logging
from mlmagic.scoring.logs import log_format, mark_lines
from mlmagic.scoring.openapi.swagger import Swagger
from mlmagic.scoring.process_exit import EXIT_PATIENCE_S, exit_within
from mlmagic.scoring.recorder import Recorder
from mlmagic.scoring.report import RunDirectory
from mlmagic.scoring.script import InitFailed, ScriptFailed, UserScript, WarmupFailed
from mlmagic.scoring.server_logger import AccessLog
from mlmagic.scoring.service import Service
from mlmagic.scoring.settings_file import settings_file
from mlmagic.scoring.signals import SignalWatcher
from mlmagic.scoring.start_errors import StartFailed
from mlmagic.scoring.workers.channel import HandedConnections, WorkerChannel

JOIN_S = 600.0
"""How long to wait for the server that is joined: as long as init() may take by default."""
EXIT_DRAINED = 0
EXIT_SCRIPT_FAILED = 3

_WHERE = {
    "import": "while it was imported",
    "init": "in init()",
    "warmup": "in run(), called with its own warmup sample",
}

HANDSHAKE_PATIENCE_S = 0.25
"""How long a drain waits for the TLS handshake of a connection that was in the queue."""
IDLE_PATIENCE_S = 0.25
"""A drain closes a connection that has been idle for so long: of one that was used just now, the next request
may be on its way."""
IDLE_PATIENCE_OF_UPDATE_S = 1.0
"""The same where another server listens on the same socket: the clients go on, and must lose no request."""


@dataclass(frozen=True)
class Address:
    """Where to listen, and for how many seconds (``grace``) to finish requests after a signal."""

    host: str = "127.0.0.1"
    port: int = 5001
    prefer: int = 0
    take_over: str | None = None
    """Run directory of the server that listens there now."""
    join: str | None = None
    """Run directory of another server, to accept from the same queue as soon as that one serves."""
    grace: float = 10.0


@dataclass(frozen=True)
class Security:
    """Who may call the server, and how."""

    keys_file: str | None = None
    """The keys of callers; without it they are in variables, or there is no authentication."""
    cert_file: str | None = None
    """The TLS certificate and its key; None: no TLS."""
    key_file: str | None = None
    allowed_hosts: str = ""
    """As for `AllowedHosts`."""
    no_auth: bool = False
    """Whether everyone who reaches the server may call it, where it listens on more than this machine."""


def serve(
    environment: ScriptEnvironment,
    address: Address,
    directory: RunDirectory | None,
    security: Security | None = None,
    *,
    batch: bool = False,
    live: bool = False,
    channel: WorkerChannel | None = None,
) -> int:
    """Serve the script of ``environment`` until a signal stops the server; the exit code.

    ``batch``: dynamic batching. ``live``: the script can be reloaded. With a ``channel`` this process is one
    of several: connections come from its dispatcher.
    """
    faulthandler.enable()
    mark_lines(log_format(), channel.number if channel else None)
    loop = new_event_loop()
    security = security or Security()
    reports = channel or directory
    folder = channel.folder if channel else directory.path if directory else None
    say = reports.write if reports else _write_nothing
    try:
        apply_settings(environment)
        limits = Limits.of()
        BUDGET.set(limits)
        health_port = settings.health_port()
        if (debug_port := settings.debug_port()) is not None and (channel is None or channel.number == 1):
            connect_debugger(debug_port)
        rotation = LogRotation.of(directory.path if directory else None)
        recorder = Recorder.of(folder, loop)
        access = Authenticator.of(security.keys_file, os.environ)
        check_exposure(address.host, guarded=access is not None, no_auth=security.no_auth)
        allowed_hosts = security.allowed_hosts or os.environ.get(VARIABLE, "")
        names_of(allowed_hosts)
        certificate = Certificate.of(security.cert_file, security.key_file)
        with init_limit(limits.init_s, lambda error: say(report.FAILED, error=error)):
            script = load(environment, loop, batch=batch)
        swagger = Swagger(environment.source, schema=script.schema)
        swagger.check()
        source = HandedConnections(channel) if channel else _listeners(address, health_port)
    except ScriptFailed as error:
        complain(error)
        say(report.FAILED, error=error.record())
        return EXIT_SCRIPT_FAILED
    except StartFailed as error:
        print("\n".join(filter(None, (f"mlmagic: {error}", error.hint))), file=sys.stderr, flush=True)
        say(report.FAILED, error=error.record())
        return error.exit_code
    # The objects of the libraries stay: the garbage collector need not look at them again.
    gc.freeze()
    thread = ScriptThread(loop)
    scorer = Scorer(script, thread, limits=limits, counters=channel.counters() if channel else None)
    hosts = AllowedHosts.of(allowed_hosts, source.host)
    service = Service(scorer, swagger, access, recorder, AccessLog.of(scorer.identify), hosts)
    server = Server(
        loop,
        service,
        environment,
        source,
        address.grace,
        certificate,
        live=live,
        rotation=rotation,
    )
    thread.run(server.run(reports, folder))
    return EXIT_DRAINED


def apply_settings(environment: ScriptEnvironment) -> None:
    """Add the settings of a file to this process's variables, and name the settings without effect.

    Raises `InvalidSetting`.
    """
    file = settings_file(os.environ, environment.source, environment.script.parent)
    more = os.environ.get(SOURCE_DIRECTORY) or (file.values.get(SOURCE_DIRECTORY) if file else None)
    environment.set_variables()
    sentences = file.apply(os.environ) if file else []
    if more and not environment.import_from(more):
        sentences.append(f"{SOURCE_DIRECTORY}={more} has no effect: there is no such folder")
    for sentence in (*sentences, *settings.without_effect(os.environ)):
        print(f"mlmagic: {sentence}", file=sys.stderr, flush=True)


def listen(address: Address, health_port: int | None) -> list[socket.socket]:
    """The bound socket of the service, and that of the health port if there is one. Raises `CannotListen`."""
    sock = _joined(address) if address.join is not None else None
    if sock is None and address.take_over is not None:
        sock = receive_socket(Path(address.take_over), address.port or address.prefer)
    if sock is None:
        sock = bind(address.host, address.port, prefer=address.prefer, share=address.take_over is not None)
    if health_port is None or health_port == sock.getsockname()[1]:
        return [sock]
    try:
        return [sock, bind(address.host, health_port, share=address.take_over is not None)]
    except CannotListen:
        sock.close()
        raise


def _joined(address: Address) -> socket.socket | None:
    """The socket of the server that is joined; waits until it serves, or for `JOIN_S`."""
    assert address.join is not None
    deadline = time.monotonic() + JOIN_S
    while time.monotonic() < deadline:
        sock = receive_socket(Path(address.join), address.port)
        if sock is not None:
            return sock
        time.sleep(0.05)
    raise CannotListen(f"the replica of {address.join} does not serve")


def _listeners(address: Address, health_port: int | None) -> Listeners:
    return Listeners(listen(address, health_port), is_shared=bool(address.take_over or address.join))


def load(
    environment: ScriptEnvironment, loop: asyncio.AbstractEventLoop, *, batch: bool = False
) -> UserScript:
    """Import the script, call its init(), try its own sample.

    Raises `ScriptFailed`, or `StartFailed` for a bad logging.json.
    """
    environment.apply()
    configure_logging(environment)
    script = UserScript.load(environment.script, as_main=True, batch=batch)
    if (
        script.is_async
    ):  # what init() makes for a loop is for this one; a plain run() may make loops of its own
        asyncio.set_event_loop(loop)
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
    """Log why the script failed."""
    record = error.record()
    where = _WHERE.get(record["phase"], "in run()")
    lines = [f"mlmagic: the script failed {where}", record["traceback"].rstrip()]
    if isinstance(error.cause, FileNotFoundError) and record["phase"] == "init" and MODEL_DIR in os.environ:
        lines += [
            f"{MODEL_DIR} ({os.environ[MODEL_DIR]}) contains:",
            *(f"  {file}" for file in model_files()),
        ]
    elif error.hint:
        lines.append(error.hint)
    print("\n".join(lines), file=sys.stderr, flush=True)


class Server:
    """A script that is ready, on a socket that is bound."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        service: Service,
        environment: ScriptEnvironment,
        source: Listeners | HandedConnections,
        grace: float,
        certificate: Certificate | None = None,
        *,
        live: bool = False,
        rotation: LogRotation | None = None,
    ) -> None:
        self._loop = loop
        self._service = service
        self._environment = environment
        self._live = live
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
        service.descriptors = Descriptors(self._connections, service.scorer.counters, loop)
        self._stop_requested = asyncio.Event()
        self._stop_now = False
        self._changed = asyncio.Event()

    async def run(self, reports: RunDirectory | WorkerChannel | None, folder: Path | None) -> None:
        """Serve until a signal stops the server, then finish the requests that have begun."""
        say = reports.write if reports else _write_nothing
        signals = SignalWatcher(self._loop, (signal.SIGTERM, signal.SIGINT), self._on_signal)
        self._service.scorer.thread.after_calls = signals.register
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
        if self._service.scorer.runner.stuck:
            exit_within(EXIT_PATIENCE_S, EXIT_DRAINED)

    def _watch_certificate(self) -> None:
        """Check from time to time whether the certificate was renewed."""
        if self._certificate is not None:
            self._certificate.renew()
            self._loop.call_later(LOOK_S, self._watch_certificate)

    def _listen_for_commands(self, folder: Path) -> ControlSocket:
        handlers: dict[str, Handler] = {}
        if isinstance(self._source, Listeners):
            handlers[HAND_OVER] = handover_handler(self._source.sockets[0], self._note_handover)
        if self._live:
            from mlmagic.scoring.reload.reloader import Reloader

            scorer = self._service.scorer
            reloader = Reloader(scorer, self._environment.script, self._use)
            handlers[RELOAD] = reloader.handle
        return ControlSocket(folder, handlers, self._loop)

    def _note_handover(self) -> None:
        self._source.is_shared = True

    def _use(self, script: UserScript) -> None:
        self._service.scorer.use(script)
        self._service.swagger = Swagger(self._environment.source, schema=script.schema)

    def _connect(self) -> HttpConnection:
        self._service.scorer.thread.has_accepted = True
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


async def _finish(awaitable: object) -> None:
    await awaitable  # type: ignore[misc]


def _write_nothing(phase: str, **details: Any) -> None:
    """Reports of a server without a run directory."""
