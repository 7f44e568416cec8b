"""`ScriptRunConfig`: a script to run, its arguments and its environment."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlmagic.core.paths import join
from mlmagic.errors import InvalidConfig, NotFound, UsageError
from mlmagic.sdk.dataset import Dataset
from mlmagic.sdk.dataset_consumption import DatasetConsumptionConfig
from mlmagic.sdk.environment import Environment
from mlmagic.sdk.exceptions import UserErrorException, raises
from mlmagic.sdk.run import Experiment, Submittable
from mlmagic.sdk.run_configuration import DockerConfiguration, RunConfiguration
from mlmagic.sdk.run_data import Data
from mlmagic.sdk.script_arguments import argument_text, inputs_of
from mlmagic.sdk.script_run import ScriptRun, plan_of

PREPARING = "Preparing"
_MAX_SECONDS = 2592000


@raises(UserErrorException)
class ScriptRunConfig(Submittable):
    """A Python script that `Experiment.submit` runs on this machine, in a process of its own.

    The script runs in a copy of ``source_directory``, in ``environment`` (default: the notebook's). Its time
    limit is ``max_run_duration_seconds``, by default 30 days. ``compute_target`` has no effect.
    Source: ScriptRunConfig of azureml-core 1.61.
    """

    def __init__(
        self,
        source_directory: str,
        script: str | None = None,
        arguments: Sequence[Any] | None = None,
        run_config: RunConfiguration | None = None,
        _telemetry_values: Any = None,
        compute_target: Any = None,
        environment: Environment | None = None,
        distributed_job_config: Any = None,
        resume_from: Any = None,
        max_run_duration_seconds: float | None = _MAX_SECONDS,
        command: Sequence[Any] | str | None = None,
        docker_runtime_config: DockerConfiguration | None = None,
    ) -> None:
        if distributed_job_config is not None:
            raise UsageError(
                "distributed_job_config is not supported: a script runs in one process",
                hint="Leave it out, or start processes in the script.",
            )
        if run_config is not None and environment is not None:
            raise InvalidConfig("environment", environment.name, "excludes run_config")
        if command is not None:
            script, arguments = _script_of(command, script, arguments)
        self.source_directory, self.script = source_directory, script
        self.run_config = run_config or RunConfiguration()
        self.arguments = list(arguments if arguments is not None else self.run_config.arguments)
        self.max_run_duration_seconds = max_run_duration_seconds
        if environment is not None:
            self.run_config.environment = environment
        if compute_target is not None:
            self.run_config.target = compute_target
        if docker_runtime_config is not None:
            self.run_config.docker = docker_runtime_config
        self.script = self.script or self.run_config.script
        if not self.script:
            raise InvalidConfig("script", self.script, "is missing", hint="Pass script='train.py'.")

    def begin(
        self, experiment: Experiment, parameters: Mapping[str, Any], *, continue_on_step_failure: bool = False
    ) -> ScriptRun:
        """Run the script in the background. Raises `UserErrorException` for a missing file or input."""
        folder, script = script_in(self.source_directory, str(self.script))
        workspace = experiment.workspace
        inputs = [_input_of(workspace, name, each) for name, each in self.run_config.data.items()]
        arguments = [argument_text(each, parameters, lambda given: None) for each in self.arguments]
        recorded = inputs_of([*self.arguments, *inputs])
        config = self.run_config
        run = ScriptRun._begin(
            experiment, f"{experiment.name}_{uuid.uuid4().hex[:12]}", None, PREPARING, recorded
        )
        run.add_properties({"script": script})
        variables = config.environment_variables
        environment = config.environment if config.has_environment else None
        run.start(
            plan_of(run, folder, script, arguments, environment, variables, self.max_run_duration_seconds)
        )
        return run

    def __repr__(self) -> str:
        return f"ScriptRunConfig(source_directory={self.source_directory!r}, script={self.script!r})"


def get_run_config_from_script_run(script_run_config: ScriptRunConfig) -> RunConfiguration:
    """The run configuration of a script, with its script and arguments."""
    config = script_run_config.run_config
    config.script, config.arguments = script_run_config.script, list(script_run_config.arguments)
    return config


def script_in(source_directory: str | None, script: str) -> tuple[Path, str]:
    """The folder and the path of a script in it. Raises `NotFound`."""
    folder = Path(source_directory or ".").expanduser().absolute()
    if not folder.is_dir():
        raise NotFound("folder", str(folder), hint=f"The working folder is {Path.cwd()}.")
    if not join(folder, script, "script").is_file():
        raise NotFound("script", script, [path.name for path in folder.glob("*.py")])
    return folder, script


def _script_of(
    command: Sequence[Any] | str, script: str | None, arguments: Sequence[Any] | None
) -> tuple[str, list[Any]]:
    """The script and arguments of ``python SCRIPT ARGUMENT...``."""
    if script is not None or arguments is not None:
        raise InvalidConfig("command", command, "excludes script and arguments")
    words: list[Any] = command.split() if isinstance(command, str) else list(command)
    if len(words) == 1 and isinstance(words[0], str):
        words = words[0].split()
    if len(words) < 2 or words[0] not in ("python", "python3") or not str(words[1]).endswith(".py"):
        raise InvalidConfig("command", command, "must be python SCRIPT.py ARGUMENT...")
    return str(words[1]), words[2:]


def _input_of(workspace: Any, name: str, given: Any) -> Any:
    """An input of a run configuration as a named dataset."""
    if (
        isinstance(given, Data)
        and given.data_location is not None
        and given.data_location.dataset is not None
    ):
        dataset = Dataset.get_by_id(workspace, str(given.data_location.dataset.dataset_id))
        return DatasetConsumptionConfig(name, dataset, given.mechanism)
    return given
