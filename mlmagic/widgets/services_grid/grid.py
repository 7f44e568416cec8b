"""The live table of services as a widget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mlmagic.core.webservice import Webservice
from mlmagic.engine.engine import Engine
from mlmagic.widgets.component import Component, source
from mlmagic.widgets.services_grid.live_services import LiveServices

SERVICES = "application/vnd.mlmagic.services+json"
"""The MIME type that names the services of a ``workspace`` (`Location.key`)."""
OpenCard = Callable[[Webservice], Any]
"""Returns the live card of a service."""


class ServicesGrid(LiveServices, Component):
    """The live table of a workspace's services, over a notebook's kernel."""

    _esm = source("services_grid", "servicesGrid")

    def __init__(self, engine: Engine, services: Iterable[Webservice], open_card: OpenCard) -> None:
        super().__init__(engine, services)
        self._engine, self._open_card = engine, open_card
        self.answers = {**self.answers, "open": self._open}

    def reference(self) -> dict[str, Any]:
        return {SERVICES: {"workspace": self.workspace}}

    def __repr__(self) -> str:
        return "services: live table (it needs a running kernel)"

    def _open(self, values: Mapping[str, Any]) -> str:
        """The model id of the card of a service: the page draws it in the service's row."""
        service = self._engine.services.get(str(values.get("service")))
        return str(self._open_card(service).model_id)
