"""A card that is kept true while the cell waits: drawn from the cell's own thread, never from another."""

from __future__ import annotations

from collections.abc import Sequence

from IPython.display import display

from mlmagic.core.webservice import Webservice
from mlmagic.engine.engine import Engine
from mlmagic.errors import NotFound, ScriptError
from mlmagic.widgets.cards import Card, gone_card, service_card


class LiveCard:
    """The plain card of one service: an output of its own, updated in place."""

    def __init__(self, service: Webservice, notes: Sequence[str]) -> None:
        self._notes = notes
        self._shown = service_card(service, notes)
        self._handle = display(self._shown, display_id=True)

    def wait(self, engine: Engine, service: Webservice, timeout: float) -> Webservice:
        """Wait for the deploy, redrawing at each change; Ctrl-C takes it back."""
        try:
            return engine.services.wait_or_withdraw(service, timeout, watching=self._draw)
        except ScriptError as error:
            # The card quotes the script's traceback: the cell's error need not do so again.
            shown = [f"{type(error).__name__}: {error.message}"]
            error._render_traceback_ = lambda: shown  # type: ignore[method-assign]
            raise
        finally:
            self._draw_last(engine, service)

    def _draw_last(self, engine: Engine, service: Webservice) -> None:
        try:
            self._draw(engine.services.get(service.name))
        except NotFound:
            self._show(gone_card(service))

    def _draw(self, service: Webservice) -> None:
        self._show(service_card(service, self._notes))

    def _show(self, card: Card) -> None:
        # No handle where the shell is not IPython's one instance: what was shown first stays.
        if card.markup != self._shown.markup and self._handle is not None:
            self._handle.update(card)
            self._shown = card
