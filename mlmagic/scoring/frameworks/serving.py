"""A model as an entry script: `entry` returns its init() and run()."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any, Protocol

from mlmagic.scoring.environment import MODEL_DIR
from mlmagic.scoring.http.request import BadInput, Request, query_values
from mlmagic.scoring.inputs.arrays import LARGE
from mlmagic.scoring.inputs.bodies import Whole, values_of
from mlmagic.scoring.inputs.parameters import READER, NotAnEntryScript

DATA = "data"
"""The key of the input in a body."""
PICKLES = (".pkl", ".pickle", ".joblib")


class ServedModel(Protocol):
    """A loaded model."""

    @property
    def unstackable(self) -> str:
        """Why its requests cannot be batched; empty if they can."""

    def parse(self, body: bytes) -> Any | None:
        """Parse the array under `DATA` of a large body quickly; None if only the ordinary parser can."""

    def read(self, values: dict[str, Any] | Whole) -> dict[str, Any]:
        """Convert the values of a body to the arguments of `predict`. Raises `BadInput`."""

    def predict(self, arguments: dict[str, Any]) -> Any:
        """Return the predictions."""

    def learn(self, arguments: dict[str, Any]) -> None:
        """Learn from the arguments of a sample what inputs look like."""

    def describe(self) -> dict[str, Any]:
        """Return the schema of the input as ``input``, and that of the output, if known, as ``output``."""


class ModelReader:
    """The input mode of a model: see `mlmagic.scoring.inputs.modes.Learner`."""

    takes_options = False
    model: ServedModel | None = None
    sample: Any = None

    def arguments(self, request: Request) -> dict[str, Any]:
        """Convert a request to the arguments of `run`. Raises `BadInput`."""
        model = self.loaded
        if request.method == b"GET":
            return model.read(query_values(request.query))
        if len(request.body) >= LARGE and (array := model.parse(request.body)) is not None:
            return model.read({DATA: array})
        values = values_of(request)
        if isinstance(values, Whole) and isinstance(values.value, bytes):
            raise BadInput("Expects Content-Type to be application/json", status=415)
        return model.read(values)

    @property
    def loaded(self) -> ServedModel:
        if self.model is None:
            raise RuntimeError("init() has not been called: the model is not loaded")
        return self.model

    def check_stackable(self) -> None:
        """Raise `NotAnEntryScript` for a model whose requests cannot be batched."""
        if self.model is not None and (why := self.model.unstackable):
            raise NotAnEntryScript(f"the model cannot be batched: {why}. Deploy it without batching.")

    def learn(self, sample: Any, arguments: dict[str, Any]) -> None:
        self.sample = sample
        self.loaded.learn(arguments)

    def optional(self) -> set[str]:
        return set()

    def describe(self) -> dict[str, Any]:
        told = self.loaded.describe()
        if self.sample is not None:
            told["input"] = {**told["input"], "example": self.sample}
        return told


def entry(load: Callable[[Path], ServedModel]) -> tuple[Callable[[], None], Callable[..., Any]]:
    """Return init() and run() of a model, which ``load`` loads from the folder AZUREML_MODEL_DIR."""
    reader = ModelReader()

    def init() -> None:
        """Load the model."""
        reader.model = load(Path(os.environ[MODEL_DIR]))

    def run(**arguments: Any) -> Any:
        """Predict; the parameters are the model's inputs."""
        return reader.loaded.predict(arguments)

    # The inputs are known only after the model is loaded. The reader passes them by name.
    run.__signature__ = Signature([Parameter(DATA, Parameter.KEYWORD_ONLY)])  # type: ignore[attr-defined]
    setattr(run, READER, reader)
    return init, run


def one_file(folder: Path, endings: Iterable[str]) -> Path:
    """Find the one file of a model whose name has one of ``endings``; ``folder`` itself if it is a file.

    Raises `FileNotFoundError` if there is none, and ValueError if there are several.
    """
    wanted = tuple(endings)
    if folder.is_file():
        return folder
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.name.endswith(wanted))
    if not found:
        raise FileNotFoundError(f"the model has no file that ends in {' or '.join(wanted)}")
    if len(found) > 1:
        names = ", ".join(str(path.relative_to(folder)) for path in found[:8])
        raise ValueError(f"the model has {len(found)} files that could be it ({names}): register one of them")
    return found[0]


def folder_with(folder: Path, name: str) -> Path:
    """Find the folder below ``folder`` that contains a file called ``name``. Raises `FileNotFoundError`."""
    for path in sorted(folder.rglob(name)):
        return path.parent
    raise FileNotFoundError(f"the model has no file {name}")


def setting(name: str, default: str = "") -> str:
    """Return the value of an environment variable without surrounding whitespace."""
    return os.environ.get(name, default).strip()
