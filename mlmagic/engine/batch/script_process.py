"""The process that runs a batch job's script, as the Dask worker sees it that started it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlmagic.engine.batch.forks import ForkedProcess, zygote_for
from mlmagic.engine.batch.stage import Stage
from mlmagic.errors import LaunchFailed, ScriptError
from mlmagic.scoring.environment import COMPILED_MODELS
from mlmagic.targets.local.zygote import Refused, Zygote
from mlmagic.targets.python_path import python_path

INIT_SECONDS = 600.0
_END_SECONDS = 5.0
_PIPE_BYTES = 1 << 20
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What numeric libraries read: without a limit, the processes together would have more threads than cores."""


class TimedOut(Exception):
    """A process did not answer in time and was killed."""


def arguments_of(stage: Stage, folder: Path) -> list[str]:
    """The arguments of the process, for a stage that is laid out in ``folder``."""
    found = ["--entry-script", stage.entry_script, "--source-directory", str(folder / stage.app)]
    found += ["--model-dir", str(folder / stage.models), "--results", stage.results]
    found += [f"--keep={name}" for name in stage.keep] + [f"--preload={name}" for name in stage.modules]
    return [*found, *["--served"] * stage.served, "--", *stage.arguments]


def modules_of(stage: Stage) -> list[str]:
    """What the process imports, ours and the libraries of the script."""
    return ["mlmagic.scoring.batch.__main__", *stage.modules]


def variables_of(stage: Stage, folder: Path) -> dict[str, str]:
    """The environment variables of the process, for a stage that is laid out in ``folder``."""
    compiled = {COMPILED_MODELS: str(folder / stage.compiled)} if stage.compiled else {}
    return {
        **{name: str(stage.cores) for name in _THREADS},
        **os.environ,
        **stage.variables,
        "PYTHONPATH": stage.server_path or python_path(),
        "PYTHONUNBUFFERED": "1",
        **compiled,
    }


def warm(stage: Stage) -> bool:
    """Have a zygote import the libraries of these processes; False if there is none. Returns at once.

    Raises `OSError` if it cannot be started.
    """
    zygote = _zygote(stage, Path(stage.folder))
    if zygote is not None:
        zygote.warm(modules_of(stage))
    return zygote is not None


def _zygote(stage: Stage, folder: Path) -> Zygote | None:
    return zygote_for(variables_of(stage, folder)) if stage.interpreter() == sys.executable else None


class ScriptProcess:
    """A process that loads the script once and then runs mini-batches; used by one thread at a time.

    Its log is appended to the file ``log``.
    """

    def __init__(self, stage: Stage, folder: Path, log: Path) -> None:
        their_input, ours = os.pipe()
        self._input = os.fdopen(ours, "wb")
        self._output, their_output = os.pipe()
        try:
            self._process = _started(stage, folder, log, (their_input, their_output))
        except BaseException:
            self._close_pipes()
            raise
        finally:
            os.close(their_input)
            os.close(their_output)
        self._rest = b""
        if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux: fewer turns between the two processes for large results
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._output, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def wait_for_init(self) -> None:
        """Wait until init() has returned; raises `ScriptError`, `TimedOut`, or `LaunchFailed`."""
        begun, _ = self.answer(INIT_SECONDS)
        if "error" in begun:
            raise ScriptError.from_record({"phase": "init", **begun["error"]})

    def send(self, task: bytes) -> None:
        """Give it a mini-batch, whose answer comes after those of the earlier ones.

        If the process has ended, `answer` says so, after the answers that it has left.
        """
        with contextlib.suppress(OSError):
            self._input.write(task + b"\n")
            self._input.flush()

    def answer(self, timeout: float) -> tuple[dict[str, Any], bytes]:
        """The next answer and the bytes of its results.

        Raises `TimedOut`, or `LaunchFailed` after the process has ended.
        """
        deadline = time.monotonic() + timeout
        head = self._until(lambda: self._rest.find(b"\n") + 1, deadline)
        answer: dict[str, Any] = json.loads(head)
        size = answer.get("bytes", 0)
        return answer, self._until(lambda: size if len(self._rest) >= size else 0, deadline) if size else b""

    def kill(self) -> None:
        """Kill the process; may be called by another thread while this one waits for an answer."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, 9)

    def finish(self) -> None:
        """End the script's input, after which it ends by itself; `end` then waits for it."""
        with contextlib.suppress(OSError):
            self._input.close()

    def end(self) -> None:
        """Wait until the process has ended; it is killed if it takes more than a moment."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        self.close()

    def close(self) -> None:
        """Kill the process and close its pipes."""
        self.kill()
        self._process.wait()
        self._close_pipes()

    def _close_pipes(self) -> None:
        with contextlib.suppress(OSError):  # what could not be written any more
            self._input.close()
        if self._output >= 0:
            os.close(self._output)
        self._output = -1

    def _until(self, wanted: Callable[[], int], deadline: float) -> bytes:
        """Read until ``wanted()`` says how many bytes of what was read are the next part; returns these."""
        with selectors.DefaultSelector() as ready:
            ready.register(self._output, selectors.EVENT_READ)
            while not (size := wanted()):
                if not ready.select(max(0.0, deadline - time.monotonic())):
                    raise TimedOut
                part = os.read(self._output, 1 << 20)
                if not part:
                    code = self._process.wait()
                    raise LaunchFailed("batch", f"the script's process has ended with code {code}")
                self._rest += part
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


def _started(
    stage: Stage, folder: Path, log: Path, pipes: tuple[int, int]
) -> subprocess.Popen[bytes] | ForkedProcess:
    """A process with these pipes for input and output: a fork of the zygote, if that is possible."""
    variables = variables_of(stage, folder)
    arguments, place = arguments_of(stage, folder), folder / stage.app
    zygote = _zygote(stage, folder)
    if zygote is not None:
        with contextlib.suppress(Refused):
            pid = zygote.fork_for_batch(arguments, modules_of(stage), variables, str(place), log, pipes)
            return ForkedProcess(zygote, pid)
    with log.open("ab") as output:
        return subprocess.Popen(
            [stage.interpreter(), "-m", "mlmagic.scoring.batch", *arguments],
            cwd=place,
            env=variables,
            stdin=pipes[0],
            stdout=pipes[1],
            stderr=output,
            start_new_session=True,
        )
