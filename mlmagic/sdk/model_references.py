"""The models of a deployment as Azure ML v1 takes them: `Model` objects, ids, or paths to register."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from mlmagic.core.model import ModelDescription
from mlmagic.errors import UsageError
from mlmagic.sdk.messages import show_line

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine

LONGEST_NAME = 30
"""Characters of a path's last part that Azure ML v1 takes as the name of the model."""


class RegisteredModel(Protocol):
    """Anything with the id of a registered model: a `mlmagic.sdk.model.Model`."""

    @property
    def id(self) -> str:
        """``name:version``."""


ModelLike = str | RegisteredModel


def model_ids(engine: Engine, models: Iterable[ModelLike]) -> list[str]:
    """Ids of models. A path that is not the name of a registered model is registered under its own name."""
    found = []
    for model in models:
        if not isinstance(model, str):
            found.append(model.id)
        elif _is_registered(engine, model) or not os.path.exists(model):
            found.append(model)
        else:
            found.append(
                engine.models.register(model, ModelDescription(name_of_path(model)), notify=show_line).id
            )
    return found


def name_of_path(path: str) -> str:
    """The name that Azure ML v1 gives to the model of a path: its last part, 30 characters of it."""
    return os.path.basename(os.path.normpath(path))[:LONGEST_NAME]


def _is_registered(engine: Engine, reference: str) -> bool:
    try:
        engine.models.get(reference)
    except UsageError:
        return False
    return True
