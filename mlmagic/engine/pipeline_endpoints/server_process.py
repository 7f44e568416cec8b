"""Keeps the server of published pipelines running: for the supervisor daemon."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time

from mlmagic.engine.pipeline_endpoints.submissions import LOCATION_VARIABLE
from mlmagic.targets.python_path import python_path
from mlmagic.workspace.location import Location
from mlmagic.workspace.pipeline_server import PipelineServerFiles

_MODULE = "mlmagic.engine.pipeline_endpoints"
_LONGEST_PAUSE_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 1.0
_SETTLED_SECONDS = 60.0
"""A server that has run for so long has started well: the next pause is a short one."""

log = logging.getLogger(__name__)


class ServerProcess:
    """The process of one workspace's server. One that an earlier daemon has started is left to run."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._files = PipelineServerFiles(location.folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = 0.0

    def ensure(self) -> None:
        """Start the server if it is wanted and does not run; after failures less and less often."""
        if self._process is not None and self._process.poll() is None:
            return
        address = self._files.address()
        if self._files.module() is None or (address is not None and address.is_served):
            return
        now = time.monotonic()
        if now < self._started + self._pause:
            return
        settled = not self._started or now - self._started > _SETTLED_SECONDS
        self._pause = _FIRST_PAUSE_SECONDS if settled else min(_LONGEST_PAUSE_SECONDS, 2 * self._pause)
        self._started = now
        try:
            self._process = self._start()
        except OSError as error:  # a full disk, or too many processes
            log.warning("the server of published pipelines cannot be started: %s; trying again", error)

    def _start(self) -> subprocess.Popen[bytes]:
        with self._files.open_log() as log:
            return subprocess.Popen(
                [sys.executable, "-m", _MODULE, str(self._location.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                # Not an argument: every user of the machine can see those, and there may be a password in it.
                env={
                    **os.environ,
                    "PYTHONPATH": python_path(),
                    LOCATION_VARIABLE: self._location.to_json(),
                },
            )
