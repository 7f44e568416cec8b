"""The process that runs a batch job's script, as the Dask worker sees it that started it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlmagic.engine.batch.stage import Stage
from mlmagic.errors import LaunchFailed, ScriptError
from mlmagic.targets.python_path import python_path

INIT_SECONDS = 600.0
_END_SECONDS = 5.0
_PIPE_BYTES = 1 << 20
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What numeric libraries read: without a limit, the processes together would have more threads than cores."""


class TimedOut(Exception):
    """A process did not answer in time and was killed."""


class ScriptProcess:
    """A process that loads the script once and then runs mini-batches; used by one thread at a time.

    Its log is appended to the file ``log``.
    """

    def __init__(self, stage: Stage, folder: Path, log: Path) -> None:
        command = [stage.interpreter(), "-m", "mlmagic.scoring.batch", "--entry-script", stage.entry_script]
        command += ["--source-directory", str(folder / stage.app), "--model-dir", str(folder / stage.models)]
        command += ["--results", stage.results, *(f"--keep={name}" for name in stage.keep)]
        command += ["--served"] * stage.served
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*command, "--", *stage.arguments],
                cwd=folder / stage.app,
                env={
                    **{name: str(stage.cores) for name in _THREADS},
                    **os.environ,
                    **stage.variables,
                    "PYTHONPATH": stage.server_path or python_path(),
                    "PYTHONUNBUFFERED": "1",
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,
            )
        self._rest = b""
        assert self._process.stdout is not None
        if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux: fewer turns between the two processes for large results
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._process.stdout.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def wait_for_init(self) -> None:
        """Wait until init() has returned; raises `ScriptError`, `TimedOut`, or `LaunchFailed`."""
        begun, _ = self._answer(INIT_SECONDS)
        if "error" in begun:
            raise ScriptError.from_record({"phase": "init", **begun["error"]})

    def perform(self, task: Mapping[str, Any], timeout: float) -> tuple[dict[str, Any], bytes]:
        """Run one mini-batch; returns the answer and the bytes of its results.

        Raises `TimedOut`, or `LaunchFailed` after the process has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(task).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise LaunchFailed("batch", f"the script's process has ended: {error}") from error
        return self._answer(timeout)

    def kill(self) -> None:
        """Kill the process; may be called by another thread while this one waits for an answer."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, 9)

    def finish(self) -> None:
        """End the script's input, after which it ends by itself; `end` then waits for it."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def end(self) -> None:
        """Wait until the process has ended; it is killed if it takes more than a moment."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        self.close()

    def close(self) -> None:
        """Kill the process and close its pipes."""
        self.kill()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):  # what could not be written any more
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def _answer(self, timeout: float) -> tuple[dict[str, Any], bytes]:
        """The next answer and its results."""
        deadline = time.monotonic() + timeout
        head = self._until(lambda: self._rest.find(b"\n") + 1, deadline)
        answer: dict[str, Any] = json.loads(head)
        size = answer.get("bytes", 0)
        return answer, self._until(lambda: size if len(self._rest) >= size else 0, deadline) if size else b""

    def _until(self, wanted: Callable[[], int], deadline: float) -> bytes:
        """Read until ``wanted()`` says how many bytes of what was read are the next part; returns these."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as ready:
            ready.register(self._process.stdout, selectors.EVENT_READ)
            while not (size := wanted()):
                if not ready.select(max(0.0, deadline - time.monotonic())):
                    raise TimedOut
                part = os.read(self._process.stdout.fileno(), 1 << 20)
                if not part:
                    code = self._process.wait()
                    raise LaunchFailed("batch", f"the script's process has ended with code {code}")
                self._rest += part
        found, self._rest = self._rest[:size], self._rest[size:]
        return found
