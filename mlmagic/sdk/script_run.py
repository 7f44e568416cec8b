"""`ScriptRun`: the run of a script in a process of its own."""

from __future__ import annotations

import atexit
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from mlmagic.engine.scripts.script_process import ScriptPlan, ScriptProcess
from mlmagic.errors import MLMagicError
from mlmagic.scoring.shims.recorded_run import CANCELED, FAILED, RUN_FOLDER, RUNNING
from mlmagic.sdk.exceptions import ActivityFailedException, raises
from mlmagic.sdk.run import Run
from mlmagic.workspace.location import ENVIRONMENT_VARIABLE

LOG = "user_logs/std_log.txt"
LAUNCHER = "mlmagic.sdk.script_process"
LOCATION = "MLMAGIC_RUN_WORKSPACE"
_POLL_SECONDS = 0.2
_SHOWN_LINES = 20


@raises(ActivityFailedException)
class ScriptRun(Run):
    """The run of a script. Its log is `LOG`; the script's folders ``outputs`` and ``logs`` are kept."""

    _threads: ClassVar[dict[str, threading.Thread]] = {}
    _processes: ClassVar[dict[str, ScriptProcess]] = {}

    def start(self, plan: ScriptPlan) -> None:
        """Run the script in the background."""
        self._processes[self.id] = process = ScriptProcess(plan)
        thread = threading.Thread(target=perform, args=(self, process), name=f"run {self.id}", daemon=True)
        self._threads[self.id] = thread
        thread.start()
        # The process that started the run records its end, so the script ends with it.
        atexit.register(self._stop, thread)

    def wait_for_completion(
        self,
        show_output: bool = False,
        wait_post_processing: bool = False,
        raise_on_error: bool = True,
        **more: Any,
    ) -> dict[str, Any]:
        """Wait until the run has ended; returns its details. Raises `ActivityFailedException` if it failed.

        ``show_output`` prints the script's output as it comes.
        """
        thread = self._threads.get(self.id)
        shown = 0
        while True:
            ended = thread is None or not thread.is_alive()
            if show_output:
                shown += _print_from(self.folder / LOG, shown)
            if ended:
                break
            assert thread is not None
            thread.join(_POLL_SECONDS)
        if self.status == FAILED and raise_on_error:
            raise ActivityFailedException(str(self.get_properties().get("error", "the run failed")))
        return self.get_details()

    def cancel(self) -> None:
        """Stop the script and mark the run as canceled."""
        process = self._processes.get(self.id)
        if process is not None:
            process.cancel()
        super().cancel()

    def _stop(self, thread: threading.Thread) -> None:
        if thread.is_alive():
            self.cancel()
            thread.join(5)


def plan_of(
    run: Run,
    folder: Path,
    script: str,
    arguments: list[str],
    environment: Any,
    variables: Mapping[str, str],
    timeout: float | None = None,
) -> ScriptPlan:
    """The plan of a script whose output, metrics and files are kept in ``run``."""
    workspace = run.experiment.workspace
    declared = dict(environment.environment_variables or {}) if environment is not None else {}
    return ScriptPlan(
        folder,
        script,
        arguments,
        run.folder,
        run.folder / LOG,
        environment.to_record() if environment is not None else None,
        {
            **{name: str(value) for name, value in {**declared, **variables}.items()},
            RUN_FOLDER: str(run.folder),
            LOCATION: workspace.location_json,
            ENVIRONMENT_VARIABLE: workspace.setting,
            "AZUREML_RUN_ID": run.id,
            "AZUREML_ARM_PROJECT_NAME": run.experiment.name,
            "AZUREML_ARM_WORKSPACE_NAME": workspace.name,
        },
        LAUNCHER,
        timeout,
    )


def perform(run: Run, process: ScriptProcess) -> None:
    """Run the script to its end and record how it ended; ``error`` is a property of a failed run."""

    def fail(error: str) -> None:
        if process.cancelled:
            run.set_status(CANCELED)
        else:
            run.add_properties({"error": error})
            run.fail()

    try:
        code = process.run(lambda: run.set_status(RUNNING))
    except subprocess.TimeoutExpired as error:
        fail(f"the script exceeded the time limit of {error.timeout:g} s")
    except MLMagicError as error:
        fail(str(error))
    except BaseException as error:
        fail(f"{type(error).__name__}: {error}")
        raise
    else:
        if code == 0 and not process.cancelled:
            run.complete()
        else:
            fail(f"the script failed with exit code {code}\n\n{_last_lines(run.folder / LOG)}")


def _print_from(log: Path, start: int) -> int:
    """Print a log from a byte on; returns the number of bytes printed."""
    if not log.is_file():
        return 0
    with log.open("rb") as file:
        file.seek(start)
        text = file.read()
    print(text.decode("utf-8", errors="replace"), end="")
    return len(text)


def _last_lines(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    return "\n".join(text.splitlines()[-_SHOWN_LINES:])
