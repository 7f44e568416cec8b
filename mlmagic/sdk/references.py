"""Models as the first SDK lets them be named: handles, ids, or paths that are registered on the way."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mlmagic.core.model import ModelDescription
from mlmagic.errors import UsageError

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine
    from mlmagic.sdk.model import Model


def references(engine: Engine, models: Iterable[str | Model]) -> list[str]:
    """Ids of models; a path that is no registered model's name is registered, by its own name."""
    found = []
    for model in models:
        if not isinstance(model, str):
            found.append(model.id)
        elif _is_registered(engine, model) or not os.path.exists(model):
            found.append(model)
        else:
            found.append(engine.models.register(model, ModelDescription(path_name(model)), notify=print).id)
    return found


def path_name(path: str) -> str:
    """The name under which the documents register a path: its last part, 30 characters of it."""
    return os.path.basename(os.path.normpath(path))[:30]


def _is_registered(engine: Engine, reference: str) -> bool:
    try:
        engine.models.get(reference)
    except UsageError:
        return False
    return True
