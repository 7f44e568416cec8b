"""The life of a server: load the script, init(), bind, serve, drain.

It listens only after init() has returned: a port that answers is a service that works.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import inspect
import os
import sys
from typing import TYPE_CHECKING, Any

from mlmagic.scoring import report, settings
from mlmagic.scoring.calls.scorer import Scorer
from mlmagic.scoring.calls.script_thread import ScriptThread
from mlmagic.scoring.collection.collection import close_collection, collection, open_collection
from mlmagic.scoring.control import RELOAD, Command, Handler
from mlmagic.scoring.data_frame_detection import answer_once
from mlmagic.scoring.debugger import connect_debugger
from mlmagic.scoring.delivery.process import DeliveryProcess
from mlmagic.scoring.environment import MODEL_DIR, SOURCE_DIRECTORY, ScriptEnvironment, model_files
from mlmagic.scoring.event_loop import new_event_loop
from mlmagic.scoring.http.address import Address, Guards, Security, listeners
from mlmagic.scoring.http.body_budget import BUDGET
from mlmagic.scoring.http.server import EXIT_DRAINED, HttpServer, write_nothing
from mlmagic.scoring.init_limit import init_limit
from mlmagic.scoring.limits import BATCH_WAIT, Limits
from mlmagic.scoring.log_rotation import LogRotation
from mlmagic.scoring.logging_file import configure_logging
from mlmagic.scoring.logs import log_format, mark_lines
from mlmagic.scoring.observation import Observation
from mlmagic.scoring.openapi.swagger import Swagger
from mlmagic.scoring.recorder import Recorder
from mlmagic.scoring.report import RunDirectory
from mlmagic.scoring.script import InitFailed, ScriptFailed, UserScript, WarmupFailed
from mlmagic.scoring.server_logger import AccessLog
from mlmagic.scoring.service import Service
from mlmagic.scoring.settings_file import settings_file
from mlmagic.scoring.start_errors import StartFailed
from mlmagic.scoring.telemetry.destination import is_enabled
from mlmagic.scoring.workers.channel import HandedConnections, WorkerChannel

if TYPE_CHECKING:
    from mlmagic.scoring.telemetry.telemetry import Telemetry

EXIT_SCRIPT_FAILED = 3

_WHERE = {
    "import": "while it was imported",
    "init": "in init()",
    "warmup": "in run(), called with its own warmup sample",
}


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
    reports = channel or directory
    folder = channel.folder if channel else directory.path if directory else None
    say = reports.write if reports else write_nothing
    telemetry, delivery = None, DeliveryProcess(loop)
    try:
        apply_settings(environment)
        telemetry = _telemetry(delivery)
        limits = Limits.of()
        BUDGET.set(limits)
        health_port = settings.health_port()
        if (debug_port := settings.debug_port()) is not None and (channel is None or channel.number == 1):
            connect_debugger(debug_port)
        rotation = LogRotation.of(directory.path if directory else None)
        recorder = Recorder.of(folder, loop)
        collecting = open_collection()
        guards = Guards.of(address, security or Security())
        with init_limit(limits.init_s, lambda error: say(report.FAILED, error=error)):
            script = load(environment, loop, batch=batch)
        if limits.batch_wait_s and not script.batch:
            print(f"mlmagic: {BATCH_WAIT} has no effect: run() is not batched", file=sys.stderr, flush=True)
        swagger = Swagger(environment.source, schema=script.schema)
        swagger.check()
        source = HandedConnections(channel) if channel else listeners(address, health_port)
    except ScriptFailed as error:
        complain(error)
        say(report.FAILED, error=error.record())
        close_collection()
        if telemetry is not None:
            telemetry.close()  # last: a collector that is away takes seconds
        return EXIT_SCRIPT_FAILED
    except StartFailed as error:
        return error.told(say)
    # The objects of the libraries stay: the garbage collector need not look at them again.
    gc.freeze()
    thread = ScriptThread(loop)
    scorer = Scorer(script, thread, limits=limits, counters=channel.counters() if channel else None)
    hosts = guards.hosts(source.host)
    collecting.count_in(scorer.counters)
    if telemetry is not None and (channel is None or channel.number == 1):  # it reads those of all replicas
        telemetry.measure(scorer.counters)
    observation = Observation(loop, delivery, telemetry, collecting)
    access_log = AccessLog.of(scorer.renderer.identify)
    service = Service(scorer, swagger, guards.access, recorder, access_log, hosts, observation)
    commands = _reload_command(service, environment) if live else None
    server = HttpServer(
        thread, service, source, address.grace, guards.certificate, commands=commands, rotation=rotation
    )
    server.run(reports, folder)
    return EXIT_DRAINED


def _telemetry(delivery: DeliveryProcess) -> Telemetry | None:
    """As `Telemetry.of`; without telemetry its HTTP client is not imported."""
    if not is_enabled(os.environ):
        return None
    from mlmagic.scoring.telemetry.telemetry import Telemetry

    return Telemetry.of(delivery)


def _reload_command(service: Service, environment: ScriptEnvironment) -> dict[str, Handler]:
    """The command that loads the script again."""
    from mlmagic.scoring.reload.reloader import Reloader

    def use(script: UserScript) -> None:
        service.scorer.use(script)
        service.swagger = Swagger(environment.source, schema=script.schema)

    reload = Reloader(service.scorer, environment.script, use).handle

    async def handle(command: Command) -> tuple[dict[str, Any], list[int]]:
        collecting = collection()
        made = collecting.collectors_made
        answer = await reload(command)
        if answer[0].get("init"):  # else what the old script has made is carried over
            collecting.has_collector = collecting.collectors_made > made
        return answer

    return {RELOAD: handle}


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
    answer_once()
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


async def _finish(awaitable: object) -> None:
    await awaitable  # type: ignore[misc]
