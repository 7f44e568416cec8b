"""Parameters and outputs of pipeline steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from mlmagic.core.paths import check_part
from mlmagic.sdk.datastore import Datastore


@dataclass(eq=False)
class PipelineParameter:
    """A value that may be given when a pipeline is submitted, with a default."""

    name: str
    default_value: Any

    def value_in(self, values: Mapping[str, Any]) -> Any:
        """The value given, or the default."""
        return values.get(self.name, self.default_value)


class StepOutput:
    """An output of a step, which later steps take as input or argument: a folder."""

    producer: Any = None
    """The step that writes it."""

    def __init__(self, name: str) -> None:
        self.name = check_part(name, "name of an output")

    def as_input(self, name: str | None = None) -> Self:
        """Returns itself: the output as an input of a later step."""
        return self

    as_mount = as_download = as_upload = as_dataset = as_input

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"


class PipelineData(StepOutput):
    """A named output of a step."""

    def __init__(self, name: str, datastore: Datastore | None = None, **more: Any) -> None:
        super().__init__(name)
        self.datastore = datastore


class OutputFileDatasetConfig(StepOutput):
    """A named output of a step, copied to ``destination`` (``(datastore, path)``) after it succeeded."""

    def __init__(self, name: str | None = None, destination: Any = None, **more: Any) -> None:
        super().__init__(name or "output")
        self.destination = destination
        self.registered_name: str | None = None

    def register_on_complete(self, name: str, description: str | None = None, **more: Any) -> Self:
        """Register the files as a `FileDataset` after the step succeeded; returns itself."""
        self.registered_name = name
        return self


def parameters_in(given: Any) -> dict[str, Any]:
    """The parameters in lists, tuples and dicts: their defaults by their names."""
    if isinstance(given, PipelineParameter):
        return {given.name: given.default_value}
    if isinstance(given, Mapping):
        return parameters_in(list(given.values()))
    if isinstance(given, list | tuple):
        return {name: value for each in given for name, value in parameters_in(each).items()}
    return {}
