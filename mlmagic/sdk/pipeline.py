"""`Pipeline` and its runs, as far as batch scoring uses them, as in the first SDK.

    run = Experiment(ws, "batch").submit(Pipeline(ws, [step]))
    run.wait_for_completion(show_output=True)
    next(run.get_children()).get_output_data("scores").download("results")

Steps run on this machine, one after the other, in a thread of this process.
"""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core.batch import Tally
from mlmagic.errors import InvalidConfig, MLMagicError, NotFound, UsageError
from mlmagic.sdk.exceptions import ActivityFailedException, UserErrorException, raises
from mlmagic.sdk.parallel_run import ParallelRunStep
from mlmagic.sdk.run import FAILED, Experiment, Run

if TYPE_CHECKING:
    from mlmagic.sdk.datastore import Datastore
    from mlmagic.sdk.workspace import Workspace

FINISHED = "Finished"
OUTPUT = "outputs"
_OUTPUT_NAME = "default"
_POLL_SECONDS = 0.2


class PipelineParameter:
    """A value that is given when a pipeline is submitted; ``default_value`` if it is not."""

    def __init__(self, name: str, default_value: Any) -> None:
        self.name, self.default_value = name, default_value

    def value_in(self, values: Mapping[str, Any]) -> Any:
        """Its value among those given."""
        return values.get(self.name, self.default_value)


class PipelineData:
    """What a step puts out, by a name."""

    def __init__(self, name: str, datastore: Datastore | None = None, **more: Any) -> None:
        self.name, self.datastore = name, datastore

    def as_dataset(self) -> PipelineData:
        """The same."""
        return self


class OutputFileDatasetConfig:
    """The same, to be copied to ``destination``, ``(datastore, path)``, when the step is done."""

    def __init__(self, name: str | None = None, destination: Any = None, **more: Any) -> None:
        self.name = name or "output"
        self.destination = destination


@raises(UserErrorException)
class Pipeline:
    """Steps, to be done one after the other."""

    def __init__(self, workspace: Workspace, steps: Any, description: str | None = None, **more: Any) -> None:
        self.workspace, self.description = workspace, description
        self.steps: list[ParallelRunStep] = list(steps) if isinstance(steps, Sequence) else [steps]
        self.validate()

    def validate(self) -> None:
        """Raises `UserErrorException` for a step that cannot be run here."""
        if not self.steps:
            raise InvalidConfig("steps", self.steps, "must hold a step at least")
        for step in self.steps:
            if not isinstance(step, ParallelRunStep):
                raise InvalidConfig(
                    "steps", type(step).__name__, "is no step that runs here: ParallelRunStep is"
                )

    def submit(
        self, experiment_name: str, pipeline_parameters: Mapping[str, Any] | None = None, **more: Any
    ) -> PipelineRun:
        """Begin; see `Experiment.submit`."""
        return begin(Experiment(self.workspace, experiment_name), self, pipeline_parameters or {})

    def publish(self, *args: Any, **more: Any) -> None:
        """A pipeline that is called over HTTP needs a service that keeps it, which is not here."""
        raise UsageError(
            "pipelines are not published here", hint="Submit it: Experiment(ws, NAME).submit(pipeline)."
        )


@raises(ActivityFailedException)
class StepRun(Run):
    """The run of one step."""

    @property
    def name(self) -> str:
        """The step's."""
        return str(self._record["properties"]["step"])

    def get_output_data(self, name: str = _OUTPUT_NAME) -> OutputData:
        """What it has put out under that name."""
        known = str(self._record["properties"]["output"])
        if name not in (known, _OUTPUT_NAME):
            raise NotFound(f"output of step {self.name!r}", name, [known])
        return OutputData(self, known)

    def get_details_with_logs(self) -> dict[str, Any]:
        """What is known of it, with all that the script has printed."""
        logs = {
            name: (self.folder / name).read_text(encoding="utf-8", errors="replace")
            for name in self.get_file_names()
            if name.startswith("logs/")
        }
        return {"runId": self.id, "status": self.status, "logFiles": logs}


class OutputData:
    """The files that a step has put out."""

    def __init__(self, run: StepRun, name: str) -> None:
        self._run, self.name = run, name

    @property
    def path(self) -> Path:
        """Where they lie."""
        return self._run.folder / OUTPUT / self.name

    def download(self, local_path: str, overwrite: bool | None = None, **more: Any) -> int:
        """Copy them to ``local_path/azureml/RUN/NAME``; returns how many files."""
        place = Path(local_path).expanduser() / "azureml" / self._run.id / self.name
        files = [file for file in self.path.rglob("*") if file.is_file()] if self.path.is_dir() else []
        for file in files:
            target = place / file.relative_to(self.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        return len(files)


@raises(ActivityFailedException)
class PipelineRun(Run):
    """The run of a pipeline, whose children are those of its steps."""

    _threads: dict[str, threading.Thread] = {}

    def wait_for_completion(
        self,
        show_output: bool = False,
        timeout_seconds: float = 1e9,
        raise_on_error: bool = True,
        **more: Any,
    ) -> Any:
        """Return ``Finished`` when it is done; raises with the reason if it has failed."""
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
            raise ActivityFailedException(str(self._record["properties"].get("error", "it has failed")))
        return self.get_status()

    def get_status(self) -> str:
        """Running, Finished, Failed or Canceled: the documents' words for pipelines."""
        return FINISHED if self.status == "Completed" else self.status

    def get_children(self, **more: Any) -> Iterator[StepRun]:
        """The runs of its steps, in order."""
        found = [StepRun(self.experiment, run.id) for run in super().get_children()]
        return iter(sorted(found, key=lambda run: run._record["started"]))

    get_steps = get_children

    def find_step_run(self, name: str) -> list[StepRun]:
        """Those of the step of that name."""
        return [run for run in self.get_children() if run.name == name]


def begin(experiment: Experiment, pipeline: Pipeline, parameters: Mapping[str, Any]) -> PipelineRun:
    """Run a pipeline in a thread; what can be known beforehand is told at once."""
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

    plan = step.config.plan(parameters, step.words(parameters, str(output)))
    try:
        outcome = experiment.workspace.engine.batch.run(
            plan, step.config.inference(), rows, output, child.folder, watching=watch
        )
        if outcome.error:
            why = outcome.failures[-1] if outcome.failures else {}
            cause = f": {why.get('type')}: {why.get('message')}\n{why.get('traceback', '')}" if why else ""
            raise ActivityFailedException(f"step {step.name!r} has failed: {outcome.error}{cause}")
        destination = getattr(step.output, "destination", None)
        if destination is not None:
            datastore, path = destination
            datastore.upload(str(output), target_path=path, overwrite=True, show_progress=False)
    except BaseException:
        child.fail()
        raise
    child.complete()
