"""`PipelineStep`: what all steps of a pipeline have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlmagic.errors import UsageError
from mlmagic.sdk.pipeline_data import StepOutput, parameters_in
from mlmagic.sdk.run import Run

Report = Callable[[str], None]
Places = Mapping[str, Path]
"""The folder of each output, by its name."""


class PipelineStep(ABC):
    """One step; it runs after the steps whose outputs it takes."""

    name: str
    source_directory: str | None

    def __init__(self, name: str, outputs: Sequence[Any], takes: Sequence[Any]) -> None:
        self.name = name
        self.outputs = [each for each in outputs if isinstance(each, StepOutput)]
        self._takes = [each for each in takes if isinstance(each, StepOutput)]
        self._after: list[PipelineStep] = []
        for output in self.outputs:
            output.producer = self

    @property
    def preceding(self) -> list[PipelineStep]:
        """The steps that must have ended before."""
        of_inputs = [each.producer for each in self._takes if each.producer not in (None, self)]
        return [*of_inputs, *self._after]

    @property
    def parameters(self) -> dict[str, Any]:
        """The pipeline's parameters that it takes: their defaults by their names."""
        return parameters_in(vars(self))

    def run_after(self, step: PipelineStep) -> None:
        """Run after another step although none of its outputs is taken."""
        self._after.append(step)

    def move_to(self, source_directory: str) -> None:
        """Run the script of another folder."""
        self.source_directory = source_directory

    @abstractmethod
    def prepare(self, parameters: Mapping[str, Any]) -> Any:
        """Check all that can be checked before the pipeline starts; returns a value for `perform`."""

    @abstractmethod
    def perform(
        self, run: Run, prepared: Any, parameters: Mapping[str, Any], places: Places, report: Report
    ) -> None:
        """Run to the end. Raises if the step fails. ``run`` is that of the step."""

    def cancel(self) -> None:  # noqa: B027
        """Stop the step if it can be stopped while it runs."""


def in_order(steps: Sequence[PipelineStep]) -> list[PipelineStep]:
    """The steps and those before them, each after its predecessors. Raises `UsageError` for a circle."""
    ordered: list[PipelineStep] = []
    begun: list[PipelineStep] = []

    def add(step: PipelineStep) -> None:
        if step in ordered:
            return
        if step in begun:
            names = " -> ".join(each.name for each in [*begun[begun.index(step) :], step])
            raise UsageError(
                f"the steps wait for each other: {names}", hint="Remove a run_after or an input."
            )
        begun.append(step)
        for each in step.preceding:
            add(each)
        begun.pop()
        ordered.append(step)

    for step in steps:
        add(step)
    return ordered
