"""One worker process of a batch job, as the job sees it."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmagic.errors import LaunchFailed, ScriptError
from mlmagic.targets.python_path import python_path

INIT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Stage:
    """The script, folders and interpreter of a job's workers."""

    entry_script: str
    app_dir: str
    model_dir: str | None
    log: Path
    arguments: Sequence[str]
    variables: Mapping[str, str]
    python: str = sys.executable
    server_path: str | None = None
    """The scoring server's folder for PYTHONPATH, where the interpreter does not have mlmagic installed."""


class TimedOut(Exception):
    """A worker did not answer in time and was killed."""


class Worker:
    """A process that loads the script once and then runs mini-batches."""

    def __init__(self, stage: Stage) -> None:
        command = [stage.python, "-m", "mlmagic.scoring.batch_worker", "--entry-script", stage.entry_script]
        command += ["--source-directory", stage.app_dir]
        if stage.model_dir is not None:
            command += ["--model-dir", stage.model_dir]
        with stage.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--", *stage.arguments],
                cwd=stage.app_dir,
                env={
                    **os.environ,
                    **stage.variables,
                    "PYTHONPATH": stage.server_path or python_path(),
                    "PYTHONUNBUFFERED": "1",
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self._rest = b""

    def wait_for_init(self) -> None:
        """Wait until init() has returned; raises `ScriptError`, `TimedOut`, or `LaunchFailed`."""
        begun = self._answer(INIT_SECONDS)
        if "error" in begun:
            raise ScriptError.from_record({"phase": "init", **begun["error"]})

    def perform(self, task: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """Run one mini-batch; returns its result. Raises `TimedOut`, or `LaunchFailed` after its end."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(task).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise LaunchFailed("batch", f"a worker has ended: {error}") from error
        try:
            return self._answer(timeout)
        except TimedOut:
            self.close()
            raise

    def kill(self) -> None:
        """Kill the process; may be called by another thread while this one waits for an answer."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, 9)

    def close(self) -> None:
        """Kill the process and close its pipes."""
        self.kill()
        with contextlib.suppress(OSError):  # what could not be written any more
            self._process.communicate()

    def _answer(self, timeout: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        deadline = time.monotonic() + timeout
        with selectors.DefaultSelector() as ready:
            ready.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                if not ready.select(max(0.0, deadline - time.monotonic())):
                    raise TimedOut
                part = os.read(self._process.stdout.fileno(), 1 << 16)
                if not part:
                    code = self._process.wait()
                    raise LaunchFailed("batch", f"a worker has ended with code {code}")
                self._rest += part
        line, self._rest = self._rest.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        return answer
