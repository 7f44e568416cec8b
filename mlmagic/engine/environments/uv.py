"""The installer, uv: where it is, and how it is run."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlmagic.errors import BuildFailed, Interrupted, UsageError
from mlmagic.targets.images import package_index

Report = Callable[[str], None]
"""Receives one line of progress, for people."""
# Variables of this process that would point uv at another Python or project.
_NOT_INHERITED = (
    *("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "UV_PYTHON", "UV_SYSTEM_PYTHON"),
    *("UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "UV_WORKING_DIRECTORY", "FORCE_COLOR", "CLICOLOR_FORCE"),
)
_LOOK_SECONDS = 0.1
_READ_SECONDS = 60.0


def find() -> str:
    """The path of uv: beside this interpreter, else on PATH. Raises `UsageError` without uv."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        raise UsageError(
            "uv is not installed here, and environments are built with uv",
            hint="Install it with: pip install 'mlmagic[environments]'.",
        )
    return found


def run(command: Sequence[str], folder: Path, report: Report, cancelled: threading.Event) -> None:
    """Run a command in ``folder`` and report each line that it writes.

    Raises `BuildFailed` with the whole output; `Interrupted` when ``cancelled`` was set.
    """
    child = subprocess.Popen(
        list(command),
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl-C in the kernel's terminal is not for it
    )
    assert child.stdout is not None
    threading.Thread(target=_end_when, args=(cancelled, child), name="mlmagic-uv", daemon=True).start()
    lines = []
    try:
        for line in child.stdout:
            lines.append(line.rstrip())
            if lines[-1] and not lines[-1].startswith("Using Python"):  # in a folder that is renamed
                report(lines[-1].strip())
        code = child.wait()
    finally:
        _end(child)
        child.wait()
        child.stdout.close()
    if cancelled.is_set():
        raise Interrupted("the build was cancelled")
    if code:
        raise BuildFailed(f"{Path(command[0]).name} ended with code {code}", log="\n".join(lines))


def read_json(arguments: Sequence[str], variables: Mapping[str, str]) -> Any:
    """The JSON that a uv command writes. Raises `UsageError` without uv, or if the command fails."""
    command = [find(), *arguments]
    try:
        done = subprocess.run(
            command,
            env={**_environment(), **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_READ_SECONDS,
            check=True,
        )
        return json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise UsageError(f"{' '.join(command)} failed: {error}") from error


def _environment() -> dict[str, str]:
    """The environment variables of uv's process."""
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    return {**package_index.variables(), **kept, "NO_COLOR": "1", "UV_NO_PROGRESS": "1"}


def _end_when(cancelled: threading.Event, child: subprocess.Popen[str]) -> None:
    while child.poll() is None:
        if cancelled.wait(_LOOK_SECONDS):
            _end(child)
            return


def _end(child: subprocess.Popen[str]) -> None:
    """Kill the process and its children: packages without a wheel are built by other programs."""
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
