"""`Pipeline` and its runs: batch scoring in steps.

    run = Experiment(ws, "batch").submit(Pipeline(ws, [step]))
    run.wait_for_completion(show_output=True)
    next(run.get_children()).get_output_data("scores").download("results")

Steps run on this machine, one after another, in a thread of this process.
"""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmagic.core.batch import Tally
from mlmagic.errors import InvalidConfig, MLMagicError, NotFound, UsageError
from mlmagic.scoring.shims.recorded_run import FAILED
from mlmagic.sdk.datastore import Datastore
from mlmagic.sdk.exceptions import ActivityFailedException, UserErrorException, raises
from mlmagic.sdk.parallel_run import ParallelRunStep
from mlmagic.sdk.run import Experiment, Run, Submittable
from mlmagic.sdk.workspace_base import WorkspaceBase

FINISHED = "Finished"
OUTPUT = "outputs"
_OUTPUT_NAME = "default"
_POLL_SECONDS = 0.2


@dataclass(eq=False)
class PipelineParameter:
    """A value that may be given when a pipeline is submitted, with a default."""

    name: str
    default_value: Any

    def value_in(self, values: Mapping[str, Any]) -> Any:
        """The value given, or the default."""
        return values.get(self.name, self.default_value)


class PipelineData:
    """A named output of a step."""

    def __init__(self, name: str, datastore: Datastore | None = None, **more: Any) -> None:
        self.name, self.datastore = name, datastore

    def __repr__(self) -> str:
        return f"PipelineData(name={self.name!r})"

    def as_dataset(self) -> PipelineData:
        """Returns itself."""
        return self


class OutputFileDatasetConfig:
    """A named output of a step, copied to ``destination`` (``(datastore, path)``) after it succeeded."""

    def __init__(self, name: str | None = None, destination: Any = None, **more: Any) -> None:
        self.name = name or "output"
        self.destination = destination

    def __repr__(self) -> str:
        return f"OutputFileDatasetConfig(name={self.name!r}, destination={self.destination!r})"


@raises(UserErrorException)
class Pipeline(Submittable):
    """Steps that run one after another."""

    def __init__(
        self, workspace: WorkspaceBase, steps: Any, description: str | None = None, **more: Any
    ) -> None:
        self.workspace, self.description = workspace, description
        self.steps: list[ParallelRunStep] = list(steps) if isinstance(steps, Sequence) else [steps]
        self.validate()

    def validate(self) -> None:
        """Raises `UserErrorException` for a step that is not a `ParallelRunStep`."""
        if not self.steps:
            raise InvalidConfig("steps", self.steps, "must contain a step")
        for step in self.steps:
            if not isinstance(step, ParallelRunStep):
                raise InvalidConfig(
                    "steps", type(step).__name__, "must be a ParallelRunStep: other steps are not supported"
                )

    def submit(
        self, experiment_name: str, pipeline_parameters: Mapping[str, Any] | None = None, **more: Any
    ) -> PipelineRun:
        """Run the pipeline in the background; see `Experiment.submit`."""
        return self.begin(Experiment(self.workspace, experiment_name), pipeline_parameters or {})

    def begin(self, experiment: Experiment, parameters: Mapping[str, Any]) -> PipelineRun:
        """Run the steps in a thread of this process. Raises what can be checked beforehand."""
        return begin(experiment, self, parameters)

    def publish(self, *args: Any, **more: Any) -> None:
        """Not supported: raises with what to do instead."""
        raise UsageError(
            "publishing pipelines is not supported", hint="Submit it: Experiment(ws, NAME).submit(pipeline)."
        )

    def __repr__(self) -> str:
        return f"Pipeline(workspace={self.workspace.name!r}, steps={self.steps!r})"


@raises(ActivityFailedException)
class StepRun(Run):
    """The run of a step."""

    @property
    def name(self) -> str:
        """The step's name."""
        return str(self._record["properties"]["step"])

    def get_output_data(self, name: str = _OUTPUT_NAME) -> OutputData:
        """The output of that name."""
        known = str(self._record["properties"]["output"])
        if name not in (known, _OUTPUT_NAME):
            raise NotFound(f"output of step {self.name!r}", name, [known])
        return OutputData(self, known)


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

    def download(self, local_path: str, overwrite: bool | None = None, **more: Any) -> int:
        """Copy the files to ``local_path/azureml/RUN/NAME``; returns their number."""
        place = Path(local_path).expanduser() / "azureml" / self._run.id / self.name
        files = [file for file in self.path.rglob("*") if file.is_file()] if self.path.is_dir() else []
        for file in files:
            target = place / file.relative_to(self.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        return len(files)


@raises(ActivityFailedException)
class PipelineRun(Run):
    """The run of a pipeline; its child runs are those of the steps."""

    _threads: dict[str, threading.Thread] = {}

    def wait_for_completion(
        self,
        show_output: bool = False,
        timeout_seconds: float = 1e9,
        raise_on_error: bool = True,
        **more: Any,
    ) -> Any:
        """Wait until the run has ended; returns its status. Raises the error of a run that failed."""
        thread = self._threads.get(self.id)
        shown = ""
        waited = 0.0
        while thread is not None and thread.is_alive() and waited < timeout_seconds:
            thread.join(_POLL_SECONDS)
            waited += _POLL_SECONDS
            words = str(self._record["properties"].get("words", ""))
            if show_output and words != shown:
                shown = words
                print(words)
        if self.status == FAILED and raise_on_error:
            raise ActivityFailedException(str(self._record["properties"].get("error", "the run failed")))
        return self.get_status()

    def get_status(self) -> str:
        """Running, Finished, Failed or Canceled."""
        return FINISHED if self.status == "Completed" else self.status

    def get_children(self, **more: Any) -> Iterator[StepRun]:
        """The runs of the steps, in order."""
        found = [StepRun(self.experiment, run.id) for run in super().get_children()]
        return iter(sorted(found, key=lambda run: run._record["started"]))

    get_steps = get_children

    def find_step_run(self, name: str) -> list[StepRun]:
        """The runs of the step of that name."""
        return [run for run in self.get_children() if run.name == name]


def begin(experiment: Experiment, pipeline: Pipeline, parameters: Mapping[str, Any]) -> PipelineRun:
    """Run a pipeline in a thread; raises what can be checked beforehand."""
    wanted = [(step, step.config.plan(parameters, ()), step.rows()) for step in pipeline.steps]
    made = Run._begin(experiment, uuid.uuid4().hex, parent=None)
    run = PipelineRun(experiment, made.id)

    def work() -> None:
        try:
            for step, _, rows in wanted:
                _perform(run, step, rows, parameters)
        except MLMagicError as error:
            run.add_properties({"error": str(error)})
            run.fail()
        except BaseException as error:
            run.add_properties({"error": f"{type(error).__name__}: {error}"})
            run.fail()
            raise
        else:
            run.complete()

    thread = threading.Thread(target=work, name=f"pipeline {run.id}", daemon=True)
    PipelineRun._threads[run.id] = thread
    thread.start()
    return run


def _perform(run: PipelineRun, step: ParallelRunStep, rows: list[Any], parameters: Mapping[str, Any]) -> None:
    experiment = run.experiment
    child = Run._begin(experiment, uuid.uuid4().hex, parent=run.id)
    name = getattr(step.output, "name", None) or _OUTPUT_NAME
    child.add_properties({"step": step.name, "output": name})
    output = child.folder / OUTPUT / name

    def watch(tally: Tally) -> None:
        done = tally.succeeded_items + tally.failed_items
        words = f"{step.name}: {done} of {tally.items} items, {tally.failed_items} failed"
        run.add_properties({"words": words})

    plan = step.config.plan(parameters, step.argument_texts(parameters, str(output)))
    try:
        outcome = experiment.workspace.engine.batch.run(
            plan, step.config.inference(), rows, output, child.folder, watching=watch
        )
        if outcome.error:
            why = outcome.failures[-1] if outcome.failures else {}
            cause = f": {why.get('type')}: {why.get('message')}\n{why.get('traceback', '')}" if why else ""
            raise ActivityFailedException(f"step {step.name!r} failed: {outcome.error}{cause}")
        destination = getattr(step.output, "destination", None)
        if destination is not None:
            datastore, path = destination
            datastore.upload(str(output), target_path=path, overwrite=True, show_progress=False)
    except BaseException:
        child.fail()
        raise
    child.complete()
