"""A card that is updated while the cell waits. The cell's own thread draws it, never another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from IPython.display import display

from mlmagic.core.webservice import Webservice
from mlmagic.engine.engine import Engine
from mlmagic.errors import MLMagicError, NotFound, ScriptError
from mlmagic.magics.cell_lines import NameCells, naming_cells
from mlmagic.visible_text import visible
from mlmagic.widgets.cards import Card, gone_card, service_card


class LiveCard:
    """The plain card of one service: a separate output, updated in place."""

    def __init__(self, service: Webservice, notes: Sequence[str], name_cells: NameCells) -> None:
        self._notes, self._name_cells = notes, name_cells
        self._shown = service_card(service, notes)
        self._handle = display(self._shown, display_id=True)

    def wait(
        self, engine: Engine, service: Webservice, timeout: float, wait: Callable[..., Webservice]
    ) -> Webservice:
        """``wait`` for the end of what was begun, as `Services.wait` does, and redraw at each change."""
        try:
            with naming_cells(self._name_cells):
                return wait(service, timeout, watching=self._draw)
        except ScriptError as error:
            # The card shows the script's traceback, so the cell's error leaves it out.
            shown = [visible(f"{type(error).__name__}: {MLMagicError.__str__(error)}")]
            error._render_traceback_ = lambda: shown  # type: ignore[method-assign]
            raise
        finally:
            self._draw_final(engine, service)

    def _draw_final(self, engine: Engine, service: Webservice) -> None:
        try:
            self._draw(engine.services.get(service.name))
        except NotFound:
            self._show(gone_card(service))

    def _draw(self, service: Webservice) -> None:
        if service.error and "traceback" in service.error:
            traceback = self._name_cells(str(service.error["traceback"]))
            service = replace(service, error={**service.error, "traceback": traceback})
        self._show(service_card(service, self._notes))

    def _show(self, card: Card) -> None:
        # Without a handle (the shell is not IPython's one instance) the first card stays.
        if card.markup != self._shown.markup and self._handle is not None:
            self._handle.update(card)
            self._shown = card
