"""The live table of models as a widget."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from mlmagic.widgets.component import Component, source
from mlmagic.widgets.models_grid.live_models import LiveModels

MODELS = "application/vnd.mlmagic.models+json"
"""The MIME type that names the model versions of a ``workspace`` (`Location.key`) that match a ``filter``."""


class ModelsGrid(LiveModels, Component):
    """The live table of model versions, over a notebook's kernel."""

    _esm = source("models_grid", "modelsGrid")

    def reference(self) -> dict[str, Any]:
        return {MODELS: {"workspace": self.workspace, "filter": asdict(self.wanted)}}

    def __repr__(self) -> str:
        return "models: live table (it needs a running kernel)"
