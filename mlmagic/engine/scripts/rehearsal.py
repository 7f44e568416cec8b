"""Running a script once in a clean process, before anything ships."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmagic.core.model import Model, StoredFile
from mlmagic.engine import staging
from mlmagic.errors import LaunchFailed, ScriptError
from mlmagic.targets.python_path import python_path
from mlmagic.workspace.files import Intake
from mlmagic.workspace.memory import Memory

REHEARSAL_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What one run in a clean process gave."""

    answer: Any
    init_ms: float
    run_ms: float
    output: str
    """What the script printed."""


def rehearse(
    memory: Memory,
    intake: Intake,
    entry_script: str,
    files: Sequence[StoredFile],
    used: Sequence[Model],
    body: bytes,
    timeout: float = REHEARSAL_TIMEOUT_SECONDS,
) -> Rehearsal:
    """Run import, ``init()`` and ``run(body)`` in a process of their own.

    ``files`` are those the intake has taken. Raises `ScriptError` with the script's traceback, or
    `LaunchFailed` if the process ended otherwise.
    """
    with tempfile.TemporaryDirectory(prefix="mlmagic-rehearsal-") as name:
        folder = Path(name)
        intake.copy_out(files, folder / "app")
        model_dir = staging.lay_out_models(memory, used, folder)
        command = [
            sys.executable,
            "-m",
            "mlmagic.scoring",
            "--rehearse",
            "--entry-script",
            entry_script,
            "--source-directory",
            str(folder / "app"),
        ]
        if model_dir is not None:
            command += ["--model-dir", model_dir]
        environment = {**os.environ, "PYTHONPATH": python_path()}
        try:
            done = subprocess.run(
                command, input=body, capture_output=True, env=environment, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise LaunchFailed("local", f"the script was still running after {timeout:g} s") from error
    output = done.stderr.decode("utf-8", "replace")
    try:
        result = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise LaunchFailed(
            "local",
            f"the script's process ended with code {done.returncode} and no answer",
            log=output[-4000:],
        ) from error
    if not result["ok"]:
        raise ScriptError.from_record(result["error"])
    return Rehearsal(result["answer"], result["init_ms"], result["run_ms"], output)
