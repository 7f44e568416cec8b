"""The life of a router: read the routes, bind, serve, drain."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from mlmagic.scoring.event_loop import new_event_loop
from mlmagic.scoring.http.address import Address, Guards, Security, listeners
from mlmagic.scoring.http.body_budget import BUDGET
from mlmagic.scoring.http.server import EXIT_DRAINED, HttpServer, write_nothing
from mlmagic.scoring.limits import Limits
from mlmagic.scoring.log_rotation import LogRotation
from mlmagic.scoring.logs import log_format, mark_lines
from mlmagic.scoring.report import RunDirectory
from mlmagic.scoring.router.router import Router
from mlmagic.scoring.start_errors import StartFailed


class OneThread:
    """The thread of a server without calls: it just runs the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.after_calls: Callable[[], object] = bool
        self.has_accepted = False

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Until ``main`` is done."""
        self.loop.run_until_complete(main)


def route(
    routes_file: Path, address: Address, directory: RunDirectory | None, security: Security | None = None
) -> int:
    """Forward requests to the versions of ``routes_file`` until a signal stops the router; the exit code."""
    faulthandler.enable()
    mark_lines(log_format(), None)
    loop = new_event_loop()
    say = directory.write if directory else write_nothing
    try:
        BUDGET.set(Limits.of())
        rotation = LogRotation.of(directory.path if directory else None)
        guards = Guards.of(address, security or Security())
        source = listeners(address, None)
        router = Router(routes_file, loop, guards.access, guards.hosts(source.host))
    except StartFailed as error:
        return error.told(say)
    gc.freeze()
    server = HttpServer(OneThread(loop), router, source, address.grace, guards.certificate, rotation=rotation)
    server.run(directory, directory.path if directory else None)
    return EXIT_DRAINED
