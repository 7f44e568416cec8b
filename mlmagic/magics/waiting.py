"""A card that is kept true while the cell waits: drawn from the cell's own thread, never from another."""

from __future__ import annotations

from collections.abc import Sequence

from IPython.display import display

from mlmagic.core.webservice import Webservice
from mlmagic.engine.engine import Engine
from mlmagic.errors import NotFound
from mlmagic.widgets.cards import Card, service_card


class LiveCard:
    """The plain card of one service: an output of its own, updated in place."""

    def __init__(self, service: Webservice, notes: Sequence[str]) -> None:
        self._notes = list(notes)
        self._shown = service_card(service, self._notes)
        self._handle = display(self._shown, display_id=True)

    def wait(self, engine: Engine, service: Webservice, timeout: float) -> Webservice:
        """Wait for the deploy, redrawing at each change; Ctrl-C takes it back."""
        try:
            return engine.wait_or_withdraw(service, timeout, watching=self._draw)
        finally:
            self._draw_last(engine, service)

    def _draw_last(self, engine: Engine, service: Webservice) -> None:
        try:
            self._draw(engine.service(service.name))
        except NotFound:
            text = f"{service.name}: nothing is left of it."
            self._show(Card(f"<div>{text}</div>", text))

    def _draw(self, service: Webservice) -> None:
        self._show(service_card(service, self._notes))

    def _show(self, card: Card) -> None:
        if card.markup != self._shown.markup and self._handle is not None:
            self._handle.update(card)
            self._shown = card
