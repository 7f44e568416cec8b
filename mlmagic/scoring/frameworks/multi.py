"""Several models in one service: ``{"model": "iris", ...}``. The rest of the body is the input of that model.

A model is selected by NAME or NAME:VERSION. If a service has two versions of a model, NAME:VERSION is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from mlmagic.scoring.frameworks.serving import ServedModel, entry
from mlmagic.scoring.http.request import BadInput
from mlmagic.scoring.inputs.bodies import Whole

MODEL = "model"


class MultiModel:
    """Models by NAME:VERSION."""

    def __init__(self, models: Mapping[str, ServedModel]) -> None:
        names = [reference.partition(":")[0] for reference in models]
        # Messages and schemas show the name alone where it is unique.
        self._models = {
            name if names.count(name) == 1 else reference: model
            for name, (reference, model) in zip(names, models.items(), strict=True)
        }
        self._called = {**self._models, **models}

    @property
    def unstackable(self) -> str:
        return next(
            (f"{name}: {why}" for name, model in self._models.items() if (why := model.unstackable)), ""
        )

    def parse(self, body: bytes) -> Any | None:
        return None

    def read(self, values: dict[str, Any] | Whole) -> dict[str, Any]:
        name = None if isinstance(values, Whole) else values.get(MODEL)
        if isinstance(values, Whole) or name is None:
            raise BadInput(f"A value is not provided for the {MODEL!r} parameter. {self._there()}")
        if not isinstance(name, str) or name not in self._called:
            raise BadInput(f"The {MODEL!r} parameter is {name!r}: model not found. {self._there()}")
        rest = {key: value for key, value in values.items() if key != MODEL}
        return {**self._called[name].read(rest), MODEL: name}

    def predict(self, arguments: dict[str, Any]) -> Any:
        rest = dict(arguments)
        return self._called[rest.pop(MODEL)].predict(rest)

    def learn(self, arguments: dict[str, Any]) -> None:
        rest = dict(arguments)
        self._called[rest.pop(MODEL)].learn(rest)

    def try_sample(self, name: str, body: dict[str, Any]) -> None:
        """Warm a model up with a sample, from which it learns what its input looks like."""
        model = self._called[name]
        arguments = model.read(body)
        model.predict(arguments)
        model.learn(arguments)

    def describe(self) -> dict[str, Any]:
        """Return the schema of an object with the inputs of all models, which its description lists."""
        properties: dict[str, Any] = {MODEL: {"type": "string", "enum": list(self._models)}}
        needs = []
        for name, model in self._models.items():
            told = model.describe()["input"]
            needs.append(f"{name}: {', '.join(told['properties'])}")
            for key, schema in told["properties"].items():
                same = key not in properties or properties[key] == schema
                properties[key] = schema if same else {"description": "Depends on the model."}
        words = f"What each model takes: {'; '.join(needs)}."
        return {
            "input": {"type": "object", "properties": properties, "required": [MODEL], "description": words}
        }

    def _there(self) -> str:
        return f"This service has the models {', '.join(self._models)}."


def serve(
    models: Mapping[str, str], samples: Mapping[str, Any] | None = None
) -> tuple[Callable[[], None], Callable[..., Any]]:
    """Return init() and run() of several models.

    ``models`` are the modules of their frameworks by NAME:VERSION, ``samples`` are bodies by NAME:VERSION.
    """

    def load(folder: Path) -> MultiModel:
        loaded: dict[str, ServedModel] = {}
        for reference, module in models.items():
            name, _, version = reference.partition(":")
            place = folder if len(models) == 1 else folder / name / version
            loaded[reference] = import_module(f"{__package__}.{module}").load(place)
        found = MultiModel(loaded)
        for reference, body in (samples or {}).items():
            found.try_sample(reference, body)
        return found

    return entry(load)
