"""`ParallelRunConfig` and `ParallelRunStep`: batch scoring.

A step runs in processes of this machine, or on the Dask cluster that MLMAGIC_BATCH_SCHEDULER names;
``compute_target`` and ``node_count`` have no effect.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlmagic.core import configuration as core
from mlmagic.core.batch import DEFAULT_APPEND_FILE, BatchPlan, Tally
from mlmagic.engine.batch.inputs import Files, Inputs
from mlmagic.engine.events.pace import Pace
from mlmagic.errors import InvalidConfig, InvalidConfigs
from mlmagic.sdk.environment import Environment
from mlmagic.sdk.exceptions import (
    ActivityFailedException,
    ParallelRunException,
    UserErrorException,
    raises,
)
from mlmagic.sdk.pipeline_data import StepOutput, parameters_in
from mlmagic.sdk.pipeline_step import PipelineStep, Places, Report
from mlmagic.sdk.run import Run
from mlmagic.sdk.script_arguments import argument_text
from mlmagic.sdk.workspace_base import WorkspaceBase
from mlmagic.workspace.atomic_writes import write_atomically

PROGRESS = "logs/progress.json"
"""The file in a run's folder with the progress of its batch job."""
PROGRESS_SECONDS = 0.5
_STEP_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


@raises(UserErrorException)
class ParallelRunConfig:
    """How a `ParallelRunStep` runs. Raises `UserErrorException` with all wrong values together.

    Defaults: 10 files or 1 MB to a mini-batch, 60 s for a call of run(), 3 tries, a process for each core.
    Source: ParallelRunConfig of azureml-pipeline-steps.
    """

    def __init__(
        self,
        environment: Environment,
        entry_script: str,
        error_threshold: int,
        output_action: str,
        compute_target: Any,
        node_count: int,
        process_count_per_node: Any = None,
        mini_batch_size: Any = None,
        source_directory: str | None = None,
        description: str | None = None,
        logging_level: Any = None,
        run_invocation_timeout: Any = None,
        run_max_try: Any = None,
        append_row_file_name: str | None = None,
        allowed_failed_count: int | None = None,
        allowed_failed_percent: float | None = None,
        partition_keys: Sequence[str] | None = None,
        environment_variables: Mapping[str, str] | None = None,
    ) -> None:
        self.environment, self.entry_script, self.source_directory = (
            environment,
            entry_script,
            source_directory,
        )
        self.error_threshold, self.output_action = error_threshold, output_action
        self.compute_target, self.node_count = compute_target, node_count
        self.process_count_per_node, self.mini_batch_size = process_count_per_node, mini_batch_size
        self.description, self.logging_level = description, logging_level or "INFO"
        self.run_invocation_timeout, self.run_max_try = run_invocation_timeout, run_max_try
        self.append_row_file_name = append_row_file_name or DEFAULT_APPEND_FILE
        self.allowed_failed_count, self.allowed_failed_percent = allowed_failed_count, allowed_failed_percent
        self.partition_keys = list(partition_keys or ())
        self.environment_variables = dict(environment_variables or {})
        if environment is None:
            raise InvalidConfigs("ParallelRunConfig", [InvalidConfig("environment", None, "is missing")])
        self.plan({}, ())
        self.inference()

    def plan(self, values: Mapping[str, Any], arguments: Sequence[str]) -> BatchPlan:
        """The plan as the engine takes it; ``values`` are those of the pipeline's parameters, by name."""

        def of(given: Any) -> Any:
            return given.value_in(values) if hasattr(given, "value_in") else given

        timeout, tries = of(self.run_invocation_timeout), of(self.run_max_try)
        variables = dict(self.environment.environment_variables or {}) | self.environment_variables
        return BatchPlan(
            self.error_threshold,
            self.output_action,
            of(self.mini_batch_size),
            of(self.process_count_per_node),
            60.0 if timeout is None else float(timeout),
            3 if tries is None else int(tries),
            self.append_row_file_name,
            self.allowed_failed_count,
            self.allowed_failed_percent,
            tuple(self.partition_keys),
            tuple(arguments),
            {name: str(value) for name, value in variables.items()},
        )

    def inference(self) -> core.InferenceConfig:
        """The script as the engine takes it. Raises `UserErrorException` if the file does not exist."""
        folder = self.source_directory and str(Path(self.source_directory).expanduser().resolve())
        script = core.InferenceConfig(
            self.entry_script, source_directory=folder, environment=self.environment.to_record()
        )
        path = Path(folder or "") / Path(self.entry_script).expanduser()
        if not path.is_file():
            raise InvalidConfig("entry_script", self.entry_script, f"was not found: {path.absolute()}")
        return script

    @staticmethod
    def load_yaml(workspace: WorkspaceBase, path: str) -> ParallelRunConfig:
        """Read a YAML file with the arguments as keys; ``environment`` is the name of a registered one."""
        import yaml

        values = yaml.safe_load(Path(path).expanduser().read_text(encoding="utf-8"))
        if isinstance(values.get("environment"), str):
            values["environment"] = Environment.get(workspace, values["environment"])
        return ParallelRunConfig(**values)

    def __repr__(self) -> str:
        return f"ParallelRunConfig(entry_script={self.entry_script!r}, output_action={self.output_action!r})"


@raises(ParallelRunException)
class ParallelRunStep(PipelineStep):
    """A step of a `Pipeline`: ``run(mini_batch)`` of the configuration's script over its inputs.

    ``inputs`` are datasets of one kind, or outputs of other steps, which are files. ``output`` is a
    `PipelineData` or `OutputFileDatasetConfig`.
    Source: ParallelRunStep of azureml-pipeline-steps.
    """

    def __init__(
        self,
        name: str,
        parallel_run_config: ParallelRunConfig,
        inputs: Sequence[Any],
        output: Any = None,
        side_inputs: Sequence[Any] | None = None,
        arguments: Sequence[Any] | None = None,
        allow_reuse: bool = True,
    ) -> None:
        if not (3 <= len(name) <= 32 and _STEP_NAME.fullmatch(name)):
            raise InvalidConfig(
                "step name",
                name,
                "must be 3 to 32 lower-case letters, digits or '-', start with a letter "
                "and end with a letter or digit",
            )
        if not inputs:
            raise InvalidConfig("inputs", inputs, "must contain at least one dataset")
        kinds = {_kind_of(each) for each in inputs}
        if len(kinds) > 1 or not kinds <= {"File", "Tabular"}:
            raise InvalidConfig(
                "inputs", sorted(kinds), "must be datasets of one kind, FileDataset or TabularDataset"
            )
        super().__init__(name, [output], [*inputs, *(side_inputs or ()), *(arguments or ())])
        self.config, self.source_directory = parallel_run_config, parallel_run_config.source_directory
        self.inputs, self.output = list(inputs), output
        self.side_inputs, self.arguments = list(side_inputs or ()), list(arguments or ())
        self.allow_reuse = allow_reuse

    def batch_inputs(self, places: Places) -> Inputs:
        """All files with their partitions, or all tables."""
        files: dict[str, Mapping[str, Any]] = {}
        tables: list[Any] = []
        for each in self.inputs:
            dataset = getattr(each, "dataset", each)
            if isinstance(each, StepOutput):
                found = (str(path) for path in places[each.name].rglob("*") if path.is_file())
                files |= {path: {} for path in sorted(found)}
            elif dataset.kind == "File":
                files |= {path: {} for path in dataset.paths} | dataset.partitions
            else:
                tables += dataset.table_files()
        return tables or Files(list(files), files)

    def argument_texts(self, values: Mapping[str, Any], output: str, places: Places) -> list[str]:
        """The script's arguments: parameters by their values, datasets and outputs by their paths."""
        texts = []
        for each in self.arguments:
            if hasattr(each, "value_in"):
                each = argument_text(each, values, lambda given: None)
            elif each is self.output:
                each = output
            elif isinstance(each, StepOutput):
                each = places[each.name]
            elif hasattr(getattr(each, "dataset", each), "paths"):
                each = getattr(each, "dataset", each).paths[0]
            texts.append(str(each))
        return texts

    @property
    def parameters(self) -> dict[str, Any]:
        """The pipeline's parameters that it takes: their defaults by their names."""
        return super().parameters | parameters_in(vars(self.config))

    def move_to(self, source_directory: str) -> None:
        """Run the script of another folder."""
        self.source_directory = self.config.source_directory = source_directory

    def prepare(self, parameters: Mapping[str, Any]) -> Inputs | None:
        """The input; None if another step writes it.

        Raises `ParallelRunException` for a wrong parameter or missing files.
        """
        self.config.plan(parameters, ())
        return None if any(isinstance(each, StepOutput) for each in self.inputs) else self.batch_inputs({})

    def perform(
        self, run: Run, prepared: Any, parameters: Mapping[str, Any], places: Places, report: Report
    ) -> None:
        """Run the script over all mini-batches. Raises `ActivityFailedException` if the job fails."""
        output = places[self.output.name] if self.outputs else run.folder / "outputs" / "default"

        pace, begun = Pace(1, PROGRESS_SECONDS), time.monotonic()

        def watch(tally: Tally) -> None:
            report(f"{self.name}: {tally.done_items} of {tally.items} items, {tally.failed_items} failed")
            if tally.done_items == tally.items or not pace.delay(time.monotonic()):
                keep_progress(run, tally, time.monotonic() - begun)

        plan = self.config.plan(parameters, self.argument_texts(parameters, str(output), places))
        inputs = self.batch_inputs(places) if prepared is None else prepared
        outcome = run.experiment.workspace.engine.batch.run(
            plan, self.config.inference(), inputs, output, run.folder, watching=watch
        )
        if outcome.error:
            why = outcome.failures[-1] if outcome.failures else {}
            cause = f": {why.get('type')}: {why.get('message')}\n{why.get('traceback', '')}" if why else ""
            raise ActivityFailedException(f"step {self.name!r} failed: {outcome.error}{cause}")

    def __repr__(self) -> str:
        return f"ParallelRunStep(name={self.name!r})"


def keep_progress(run: Run, tally: Tally, seconds: float) -> None:
    """Write how far a batch job is, after so many seconds, into the folder of its run."""
    file = run.folder / PROGRESS
    file.parent.mkdir(parents=True, exist_ok=True)
    progress = {
        "done": tally.done_items,
        "items": tally.items,
        "failed": tally.failed_items,
        "rate": round(tally.rate(seconds)),
        "seconds_left": round(tally.seconds_left(seconds) or 0),
    }
    write_atomically(file, json.dumps(progress))


def progress_of(run: Run) -> dict[str, int]:
    """How far the batch job of a run is: the ``items``, and how many of them are ``done`` and ``failed``.

    ``rate`` is how many are done per second, ``seconds_left`` the time that the rest takes. Empty for a run
    that is no batch job.
    """
    try:
        found = json.loads((run.folder / PROGRESS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: int(found.get(name, 0)) for name in ("done", "items", "failed", "rate", "seconds_left")}


def _kind_of(given: Any) -> str:
    """File or Tabular; the type's name for what cannot be an input."""
    if isinstance(given, StepOutput):
        return "File"
    return str(getattr(getattr(given, "dataset", given), "kind", type(given).__name__))
