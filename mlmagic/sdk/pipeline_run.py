"""`PipelineRun` and `StepRun`: the runs of a pipeline and its steps.

Steps run on this machine, one after another, in a thread of this process.
"""

from __future__ import annotations

import atexit
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mlmagic.errors import MLMagicError, NotFound, UsageError
from mlmagic.scoring.shims.recorded_run import CANCELED, FAILED, RUNNING
from mlmagic.sdk.dataset import Dataset
from mlmagic.sdk.exceptions import ActivityFailedException, raises
from mlmagic.sdk.pipeline_step import PipelineStep
from mlmagic.sdk.run import Experiment, Run

FINISHED = "Finished"
OUTPUT = "outputs"
_OUTPUT_NAME = "default"
_POLL_SECONDS = 0.2
_LOOK_SECONDS = 1.0


@raises(ActivityFailedException)
class StepRun(Run):
    """The run of a step."""

    @property
    def name(self) -> str:
        """The step's name."""
        return str(self._record["properties"]["step"])

    def get_output_data(self, name: str = _OUTPUT_NAME) -> OutputData:
        """The output of that name."""
        first = str(self._record["properties"]["output"])
        folder = self.folder / OUTPUT
        known = {first, *(path.name for path in folder.glob("*") if path.is_dir())}
        if name not in known | {_OUTPUT_NAME}:
            raise NotFound(f"output of step {self.name!r}", name, sorted(known))
        return OutputData(self, first if name == _OUTPUT_NAME else name)


class OutputData:
    """The files of a step's output."""

    def __init__(self, run: StepRun, name: str) -> None:
        self._run, self.name = run, name

    def __repr__(self) -> str:
        return f"OutputData(name={self.name!r}, path={str(self.path)!r})"

    @property
    def path(self) -> Path:
        """The folder of the files."""
        return self._run.folder / OUTPUT / self.name

    @property
    def path_on_datastore(self) -> str:
        """Where `download` puts the files, below its folder."""
        return f"azureml/{self._run.id}/{self.name}"

    def download(self, local_path: str, overwrite: bool | None = None, **more: Any) -> int:
        """Copy the files to ``local_path/azureml/RUN/NAME``; returns their number."""
        place = Path(local_path).expanduser() / self.path_on_datastore
        files = [file for file in self.path.rglob("*") if file.is_file()] if self.path.is_dir() else []
        for file in files:
            target = place / file.relative_to(self.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        return len(files)


@raises(ActivityFailedException)
class PipelineRun(Run):
    """The run of a pipeline; its child runs are those of the steps."""

    _threads: ClassVar[dict[str, threading.Thread]] = {}
    _steps: ClassVar[dict[str, Sequence[PipelineStep]]] = {}
    publisher: ClassVar[Callable[..., Any]]
    """Stores steps as a published pipeline. `published_pipeline` sets it: that module imports this one."""

    def wait_for_completion(
        self,
        show_output: bool = False,
        timeout_seconds: float = 1e9,
        raise_on_error: bool = True,
        **more: Any,
    ) -> Any:
        """Wait until the run has ended; returns its status. Raises the error of a run that failed."""
        shown = ""
        waited = 0.0
        while waited < timeout_seconds and not self._has_ended(_POLL_SECONDS):
            waited += _POLL_SECONDS
            words = str(self._record["properties"].get("words", ""))
            if show_output and words != shown:
                shown = words
                print(words)
        if self.status == FAILED and raise_on_error:
            raise ActivityFailedException(str(self._record["properties"].get("error", "the run failed")))
        return self.get_status()

    def _has_ended(self, seconds: float) -> bool:
        """Whether the run has ended, after waiting for that for some seconds. Any process may run it."""
        thread = self._threads.get(self.id)
        if thread is not None:
            thread.join(seconds)
            return not thread.is_alive()
        if self.status == RUNNING:
            time.sleep(seconds)
        return self.status != RUNNING

    def wait_here(self) -> str:
        """Wait for the end of a run of this process; returns its status.

        It is canceled if another process has canceled it.
        """
        while self.wait_for_completion(timeout_seconds=_LOOK_SECONDS, raise_on_error=False) == RUNNING:
            pass
        if self.status == CANCELED:
            self.cancel()  # stops the script: this process has started it
        return str(self.wait_for_completion(raise_on_error=False))

    def get_status(self) -> str:
        """Running, Finished, Failed or Canceled."""
        return FINISHED if self.status == "Completed" else self.status

    def cancel(self) -> None:
        """Stop the running script and mark the run as canceled; no further step starts."""
        super().cancel()
        for step in self._steps.get(self.id, ()):
            step.cancel()

    def publish_pipeline(
        self, name: str, description: str | None = None, version: str | None = None, **more: Any
    ) -> Any:
        """Store the pipeline of the run in the workspace, as `Pipeline.publish` does.

        Raises `ActivityFailedException` for a run of another process: its steps are not known here.
        """
        steps = self._steps.get(self.id)
        if steps is None:
            raise UsageError(
                f"run {self.id!r} was begun by another process, which has its steps",
                hint="Publish the pipeline itself: Pipeline(ws, steps).publish(name).",
            )
        return type(self).publisher(self.experiment.workspace, steps, name, description or "", version or "")

    def get_children(self, **more: Any) -> Iterator[StepRun]:
        """The runs of the steps, in order."""
        found = [StepRun(self.experiment, run.id) for run in super().get_children()]
        return iter(sorted(found, key=lambda run: run._record["started"]))

    get_steps = get_children

    def find_step_run(self, name: str) -> list[StepRun]:
        """The runs of the step of that name."""
        return [run for run in self.get_children() if run.name == name]


def begin(
    experiment: Experiment,
    steps: Sequence[PipelineStep],
    parameters: Mapping[str, Any],
    *,
    continue_on_step_failure: bool = False,
    run_id: str | None = None,
    properties: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> PipelineRun:
    """Run steps one after another in a thread; raises what can be checked beforehand.

    With ``continue_on_step_failure`` a step that fails ends only the steps that come after it by their inputs
    or by `run_after`; the run has failed all the same.
    """
    wanted = [(step, step.prepare(parameters)) for step in steps]
    made = Run._begin(experiment, run_id or uuid.uuid4().hex, parent=None, properties=properties, tags=tags)
    run = PipelineRun(experiment, made.id)
    places: dict[str, Path] = {}

    def work() -> None:
        failed: list[PipelineStep] = []
        errors: list[Exception] = []
        try:
            for step, prepared in wanted:
                if run.status == CANCELED:
                    return
                if any(each in failed for each in step.preceding):
                    failed.append(step)
                    continue
                try:
                    _perform(run, step, prepared, parameters, places)
                except Exception as error:
                    if not continue_on_step_failure:
                        raise
                    failed.append(step)
                    errors.append(error)
            if errors:
                raise errors[0]
        except BaseException as error:
            if run.status == CANCELED:
                return
            known = isinstance(error, MLMagicError)
            run.add_properties({"error": str(error) if known else f"{type(error).__name__}: {error}"})
            run.fail()
            if not known:
                raise
        else:
            run.complete()

    thread = threading.Thread(target=work, name=f"pipeline {run.id}", daemon=True)
    PipelineRun._threads[run.id], PipelineRun._steps[run.id] = thread, steps
    thread.start()
    atexit.register(_stop, run, thread)
    return run


def _stop(run: PipelineRun, thread: threading.Thread) -> None:
    """Cancel a pipeline at the end of its process."""
    if thread.is_alive():
        run.cancel()
        thread.join(5)


def _perform(
    run: PipelineRun,
    step: PipelineStep,
    prepared: Any,
    parameters: Mapping[str, Any],
    places: dict[str, Path],
) -> None:
    experiment = run.experiment
    child = Run._begin(experiment, uuid.uuid4().hex, parent=run.id)
    name = step.outputs[0].name if step.outputs else _OUTPUT_NAME
    child.add_properties({"step": step.name, "output": name})
    for output in step.outputs:
        places[output.name] = child.folder / OUTPUT / output.name
    try:
        step.perform(child, prepared, parameters, places, lambda words: run.add_properties({"words": words}))
        for output in step.outputs:
            _deliver(run, output, places[output.name])
    except BaseException:
        child.set_status(CANCELED if run.status == CANCELED else FAILED)
        raise
    child.complete()


def _deliver(run: PipelineRun, output: Any, folder: Path) -> None:
    """Copy an output to its destination and register it, where it has one."""
    destination = getattr(output, "destination", None)
    if destination is not None:
        datastore, path = destination
        datastore.upload(str(folder), target_path=path, overwrite=True, show_progress=False)
        folder = datastore.fetch(path)
    if getattr(output, "registered_name", None):
        files = Dataset.File.from_files(str(folder))
        files.register(run.experiment.workspace, output.registered_name, create_new_version=True)
