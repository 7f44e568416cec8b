"""`ScriptProcess`: a script in a process of its own, in the environment that it needs."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlmagic.core.environment import needs_of
from mlmagic.core.folders import copy_folder
from mlmagic.core.notify import Notify, silent
from mlmagic.engine.environments.builds import build_and_wait
from mlmagic.engine.environments.runtime import choose
from mlmagic.engine.environments.store import Store
from mlmagic.targets.python_path import python_path

LAUNCHER = "mlmagic.scoring.shims.script_process"
"""The module that runs a script in an environment without mlmagic."""
_KEPT = ("outputs", "logs")
_LEFT_OUT = (".git", "__pycache__", ".ipynb_checkpoints", *_KEPT)


@dataclass(frozen=True, slots=True)
class ScriptPlan:
    """What is run, and where its files are kept."""

    source_directory: Path
    script: str
    """The path of the script in ``source_directory``."""
    arguments: Sequence[str]
    kept: Path
    """The folder that gets the script's ``outputs`` and ``logs``."""
    log: Path
    """The file that gets what the script prints."""
    environment: Mapping[str, Any] | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    launcher: str = LAUNCHER
    """The module that runs the script in this interpreter's environment."""
    timeout: float | None = None
    """The time limit in seconds; None for no limit."""


class ScriptProcess:
    """One run of a script. `cancel` may be called by another thread."""

    def __init__(self, plan: ScriptPlan) -> None:
        self._plan = plan
        self._cancelled = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def run(self, started: Callable[[], None], report: Notify = silent) -> int:
        """Build the environment if needed, run the script; returns its exit code.

        The script runs in a copy of its folder. When it ends, its folders ``outputs`` and ``logs`` are kept.
        Raises `BuildFailed` or `UsageError` for an environment that cannot be built, `TimeoutExpired` for a
        script that exceeds its time limit.
        """
        plan = self._plan
        with tempfile.TemporaryDirectory(prefix="mlmagic-run-") as temporary:
            folder = Path(temporary) / "source"
            copy_folder(Path(plan.source_directory), folder, leave_out=_LEFT_OUT)
            for name in _KEPT:
                (folder / name).mkdir()
            runtime = choose(needs_of(plan.environment), Store(), nearest=True, notify=report)
            ready = build_and_wait(runtime.python, plan.environment, Path(temporary), report)
            launcher = LAUNCHER if ready.server_path else plan.launcher
            if self.cancelled:
                return -signal.SIGTERM
            started()
            try:
                return self._run([ready.python, "-m", launcher], folder, ready.server_path or python_path())
            finally:
                for name in _KEPT:
                    shutil.copytree(folder / name, plan.kept / name, dirs_exist_ok=True)

    def cancel(self) -> None:
        """Stop the script and its child processes."""
        self._cancelled.set()
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _run(self, command: Sequence[str], folder: Path, path: str) -> int:
        plan = self._plan
        plan.log.parent.mkdir(parents=True, exist_ok=True)
        with plan.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, plan.script, *plan.arguments],
                cwd=folder,
                env={**os.environ, **plan.variables, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            if self.cancelled:  # between the start and the assignment
                self.cancel()
            return self._process.wait(plan.timeout)
        except BaseException:
            self.cancel()
            self._process.wait()
            raise
