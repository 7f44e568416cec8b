"""`Pipeline`: scripts and batch scoring in steps.

run = Experiment(ws, "batch").submit(Pipeline(ws, [step]))
run.wait_for_completion(show_output=True)
next(run.get_children()).get_output_data("scores").download("results")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlmagic.errors import InvalidConfig
from mlmagic.sdk.exceptions import UserErrorException, raises
from mlmagic.sdk.pipeline_run import PipelineRun, begin
from mlmagic.sdk.pipeline_step import PipelineStep, in_order
from mlmagic.sdk.published_pipeline import PublishedPipeline, publish
from mlmagic.sdk.run import Experiment, Submittable
from mlmagic.sdk.workspace_base import WorkspaceBase


@raises(UserErrorException)
class Pipeline(Submittable):
    """Steps that run one after another."""

    def __init__(
        self, workspace: WorkspaceBase, steps: Any, description: str | None = None, **more: Any
    ) -> None:
        self.workspace, self.description = workspace, description
        self.given = _flat(steps)
        self.validate()
        self.steps = in_order(self.given)

    def validate(self) -> None:
        """Raises `UserErrorException` for a step that is not supported."""
        if not self.given:
            raise InvalidConfig("steps", self.given, "must contain a step")
        for step in self.given:
            if not isinstance(step, PipelineStep):
                raise InvalidConfig(
                    "steps", type(step).__name__, "must be a PythonScriptStep or a ParallelRunStep"
                )

    def submit(
        self,
        experiment_name: str,
        pipeline_parameters: Mapping[str, Any] | None = None,
        continue_on_step_failure: bool | None = None,
        **more: Any,
    ) -> PipelineRun:
        """Run the pipeline in the background; see `Experiment.submit`."""
        return self.begin(
            Experiment(self.workspace, experiment_name),
            pipeline_parameters or {},
            continue_on_step_failure=bool(continue_on_step_failure),
        )

    def begin(
        self, experiment: Experiment, parameters: Mapping[str, Any], *, continue_on_step_failure: bool = False
    ) -> PipelineRun:
        """Run the steps in a thread of this process. Raises what can be checked beforehand."""
        return begin(experiment, self.steps, parameters, continue_on_step_failure=continue_on_step_failure)

    def publish(
        self, name: str, description: str | None = None, version: str | None = None, **more: Any
    ) -> PublishedPipeline:
        """Store the pipeline in the workspace, with copies of the folders of its scripts."""
        return publish(self.workspace, self.steps, name, description or "", version or "")

    def __repr__(self) -> str:
        return f"Pipeline(workspace={self.workspace.name!r}, steps={self.steps!r})"


def _flat(steps: Any) -> list[Any]:
    """Steps, also in nested lists, as one list."""
    if not isinstance(steps, list | tuple):
        return [steps]
    return [each for step in steps for each in _flat(step)]
