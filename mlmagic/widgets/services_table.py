"""The live table of services, with the card of a selected service below it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import ipywidgets as widgets

from mlmagic.core.webservice import Webservice
from mlmagic.engine.engine import Engine
from mlmagic.engine.services.watcher import View
from mlmagic.widgets import cards, html
from mlmagic.widgets.controls import offer
from mlmagic.widgets.html import escape

OpenCard = Callable[[Webservice], Any]
"""Returns the live card of a service."""


class ServicesTable(widgets.VBox):
    """A live table of the workspace's services; `close_table` stops its updates.

    All tables and cards share one state watcher.
    """

    def __init__(self, engine: Engine, services: Iterable[Webservice], open_card: OpenCard) -> None:
        self._open_card = open_card
        self._services: dict[str, Webservice] = {}
        self.rows = widgets.HTML()
        self.choice = widgets.Dropdown(description="Service", tooltip="The service whose card to open")
        self.open_button = widgets.Button(
            description="Open card", tooltip="Open the card of the selected service"
        )
        self.card = widgets.VBox()
        self._chooser = widgets.HBox([self.choice, self.open_button])
        super().__init__([self.rows, self._chooser, self.card])
        self.open_button.on_click(self._show_card)
        self._show({service.name: service for service in services})
        self._leave = engine.watcher.watch(self._look)

    def close_table(self) -> None:
        """Stop the updates; the last content stays."""
        self._leave()

    def __repr__(self) -> str:
        return "services: live table (it needs a running kernel)"

    def _look(self, view: View) -> None:
        """Called in the event bus's thread: sets traits, nothing else."""
        self._show(dict(view.services))

    def _show(self, services: dict[str, Webservice]) -> None:
        self._services = services
        shown = [*services.values()]
        self.rows.value = html.table(
            cards.SERVICE_HEADINGS, [live_row(each) for each in shown], cards.services_caption(shown)
        )
        offer(self.choice, services)
        self.open_button.disabled = not services

    def _show_card(self, _button: Any) -> None:
        service = self._services.get(self.choice.value or "")
        if service is not None:
            self.card.children = [self._open_card(service)]


def live_row(service: Webservice) -> list[str]:
    """A row as HTML: the row of the plain table, with the message that explains the state."""
    row = [cards.cell(value) for value in cards.service_row(service)]
    row[1] += f" {escape(cards.status(service))}"
    return row
