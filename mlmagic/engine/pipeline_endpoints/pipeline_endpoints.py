"""REST endpoints of published pipelines: their URLs, and the server behind them."""

from __future__ import annotations

import time
from collections.abc import Callable

from mlmagic.engine.services.callers import new_token
from mlmagic.errors import UsageError, WaitTimeout
from mlmagic.workspace.login import SERVICE, login_secret
from mlmagic.workspace.memory import Memory
from mlmagic.workspace.pipeline_server import HOST, PipelineServerFiles

START_SECONDS = 60.0
_PAUSE_SECONDS = 0.05


class PipelineEndpoints:
    """The server of one workspace, which starts the runs of published pipelines on requests.

    The supervisor daemon of this machine runs it, from the first time that a URL is read until `stop`. Its
    port stays the same, so that a URL is valid again after a restart.
    """

    def __init__(self, memory: Memory, supervise: Callable[[], bool]) -> None:
        """``supervise`` makes sure that there is a daemon; it returns False where daemons are turned off."""
        self._memory, self._supervise = memory, supervise
        self._files = PipelineServerFiles(memory.folder)

    def url(self, path: str, module: str) -> str:
        """The URL of a path of the server, which is started if it does not run.

        ``module`` is run as the process that begins a run. Raises `UsageError` or `WaitTimeout`.
        """
        if self._memory.is_read_only:
            raise UsageError(
                f"the workspace {self._memory.location.name!r} is read-only: it starts no pipelines",
                hint="Publish the pipeline in a workspace that you may write to.",
            )
        was_wanted = self._files.module() is not None
        self._files.want(module)
        if not self._supervise():
            if not was_wanted:
                self._files.unwant()
            raise UsageError(
                "REST endpoints of pipelines need the supervisor daemon, which is turned off here",
                hint="Run the pipeline with: published_pipeline.submit(ws, experiment_name).",
            )
        self._memory.notify_all()
        return f"http://{HOST}:{self._port()}{path}"

    def known_url(self, path: str) -> str:
        """The URL of a path; empty if the server does not run."""
        address = self._files.address()
        return f"http://{HOST}:{address.port}{path}" if address is not None and address.is_served else ""

    def stop(self) -> None:
        """End the server. Runs that it has started go on; the next URL that is read starts it again."""
        self._files.unwant()
        self._memory.notify_all()

    def _port(self) -> int:
        until = time.monotonic() + START_SECONDS
        while True:
            address = self._files.address()
            if address is not None and address.is_served:
                return address.port
            if time.monotonic() > until:
                log = self._files.end_of_log()
                raise WaitTimeout("the server of pipelines", "starting", START_SECONDS, last_seen=log)
            time.sleep(_PAUSE_SECONDS)


def authentication_header() -> dict[str, str]:
    """The header of requests by this user: an access token that is valid for an hour."""
    token = new_token(SERVICE, login_secret(), time.time())
    return {"Authorization": f"Bearer {token.access_token}"}
