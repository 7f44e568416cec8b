"""The live card of a service as a widget."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from mlmagic.widgets.component import Component, source
from mlmagic.widgets.service_card.live_service import LiveService

SERVICE = "application/vnd.mlmagic.service+json"
"""The MIME type that names a service by ``workspace`` (`Location.key`), ``service`` and ``id``."""


class ServiceCard(LiveService, Component):
    """The live card of one service, over a notebook's kernel."""

    _esm = source("service_card", "serviceCard")

    def together(self) -> AbstractContextManager[Any]:
        return self.hold_sync()  # type: ignore[no-any-return]

    def reference(self) -> dict[str, Any]:
        return {SERVICE: {"workspace": self.workspace, "service": self.name, "id": self.id}}

    def __repr__(self) -> str:
        # Shown in a saved notebook, below the static card.
        return f"{self.name}: live card (it needs a running kernel)"
