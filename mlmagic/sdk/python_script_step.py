"""`PythonScriptStep`: a step of a pipeline that runs a Python script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlmagic.engine.scripts.script_process import ScriptProcess
from mlmagic.sdk.exceptions import ActivityFailedException, UserErrorException, raises
from mlmagic.sdk.pipeline_data import StepOutput
from mlmagic.sdk.pipeline_step import PipelineStep, Places, Report
from mlmagic.sdk.run import Run
from mlmagic.sdk.run_configuration import RunConfiguration
from mlmagic.sdk.script_arguments import argument_text, inputs_of
from mlmagic.sdk.script_run import perform, plan_of
from mlmagic.sdk.script_run_config import script_in


@raises(UserErrorException)
class PythonScriptStep(PipelineStep):
    """A Python script as a step of a `Pipeline`, run as `ScriptRunConfig` runs it.

    Arguments that are outputs of steps are passed as the path of a folder. ``params`` are environment
    variables ``AML_PARAMETER_name`` of the script. ``compute_target`` and ``allow_reuse`` have no effect: the
    step always runs, on this machine. Source: PythonScriptStep of azureml-pipeline-steps.
    """

    def __init__(
        self,
        script_name: str,
        name: str | None = None,
        arguments: Sequence[Any] | None = None,
        compute_target: Any = None,
        runconfig: RunConfiguration | None = None,
        runconfig_pipeline_params: Mapping[str, Any] | None = None,
        inputs: Sequence[Any] | None = None,
        outputs: Sequence[Any] | None = None,
        params: Mapping[str, Any] | None = None,
        source_directory: str | None = None,
        allow_reuse: bool = True,
        version: str | None = None,
        hash_paths: Sequence[str] | None = None,
    ) -> None:
        self.script_name, self.source_directory = script_name, source_directory
        self.arguments, self.inputs = list(arguments or ()), list(inputs or ())
        self.runconfig = runconfig or RunConfiguration()
        self.params = dict(params or {})
        self._process: ScriptProcess | None = None
        # An OutputFileDatasetConfig among the arguments is an output, unless another step writes it.
        written = [*(outputs or ())]
        for each in self.arguments:
            is_input = any(each is given for given in self.inputs)
            if (
                isinstance(each, StepOutput)
                and each.producer is None
                and not is_input
                and each not in written
            ):
                written.append(each)
        super().__init__(name or script_name, written, [*self.inputs, *self.arguments])

    def prepare(self, parameters: Mapping[str, Any]) -> tuple[Path, str]:
        """The folder of the script and its path in it. Raises `UserErrorException` if it does not exist."""
        return script_in(self.source_directory, self.script_name)

    def perform(
        self, run: Run, prepared: Any, parameters: Mapping[str, Any], places: Places, report: Report
    ) -> None:
        """Run the script. Raises `ActivityFailedException` with the end of its output if it fails."""
        folder, script = prepared

        def text(given: Any) -> str:
            return argument_text(given, parameters, lambda each: _place_of(each, places))

        arguments = [text(each) for each in self.arguments]
        for output in self.outputs:
            places[output.name].mkdir(parents=True, exist_ok=True)
        run.set_inputs(inputs_of([*self.inputs, *self.arguments]))
        variables = {
            **self.runconfig.environment_variables,
            **{f"AML_PARAMETER_{name}": text(value) for name, value in self.params.items()},
            **{f"AZUREML_DATAREFERENCE_{name}": str(place) for name, place in places.items()},
        }
        environment = self.runconfig.environment if self.runconfig.has_environment else None
        self._process = ScriptProcess(plan_of(run, folder, script, arguments, environment, variables))
        report(f"{self.name}: running {script}")
        perform(run, self._process)
        if run.status != "Completed":
            error = run.get_properties().get("error", run.status)
            raise ActivityFailedException(f"step {self.name!r} failed: {error}")

    def cancel(self) -> None:
        """Stop the script."""
        if self._process is not None:
            self._process.cancel()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_process": None}

    def __repr__(self) -> str:
        return f"PythonScriptStep(name={self.name!r}, script_name={self.script_name!r})"


def _place_of(given: Any, places: Places) -> Path | None:
    return places[given.name] if isinstance(given, StepOutput) and given.name in places else None
