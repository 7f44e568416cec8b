"""Whether a service needs a dispatcher, and its start."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mlmagic.scoring import settings
from mlmagic.scoring.http.address import Address, listen
from mlmagic.scoring.http.server import write_nothing
from mlmagic.scoring.log_rotation import LogRotation
from mlmagic.scoring.preload import other_threads, preload
from mlmagic.scoring.report import RunDirectory
from mlmagic.scoring.start_errors import StartFailed
from mlmagic.scoring.telemetry.destination import is_enabled
from mlmagic.scoring.workers.channel import WorkerChannel
from mlmagic.scoring.workers.dispatcher import Plan, dispatch

_NOT_PRELOADED = "MLMAGIC_NOT_PRELOADED"


def start_workers(
    address: Address,
    directory: RunDirectory | None,
    count: int | None,
    idle_s: float | None,
    modules: Sequence[str],
    *,
    tls: bool,
) -> WorkerChannel | int | None:
    """Start ``count`` processes (None: as the environment says) that serve one address.

    Returns in each of them, with its channel; in the dispatcher at the end, with an exit code. None if this
    one process is enough. ``modules`` are imported before, if no library among them starts a thread.
    """
    try:
        wanted = settings.workers() if count is None else count
        health_port = settings.health_port()
        rotation = LogRotation.of(directory.path if directory else None)
    except StartFailed as error:
        return error.told(directory.write if directory is not None else write_nothing)
    if wanted == 1 and not idle_s:
        return None
    if modules and _NOT_PRELOADED not in os.environ:
        preload(modules)
        if other_threads():  # it could not fork safely: begin again, without these modules
            os.environ[_NOT_PRELOADED] = "1"
            os.execv(sys.executable, [sys.executable, "-m", "mlmagic.scoring", *sys.argv[1:]])
    os.environ.pop(_NOT_PRELOADED, None)
    if is_enabled(os.environ):  # the server imports it only then: here once, for all processes
        preload(["mlmagic.scoring.telemetry.telemetry"])
    plan = Plan(
        wanted,
        idle_s or None,
        address.host,
        lambda: listen(address, health_port),
        predecessor=Path(address.take_over) if address.take_over else None,
        is_shared=bool(address.take_over or address.join),
        tls=tls,
        grace=address.grace,
    )
    return dispatch(plan, directory, rotation)
