"""One-line messages, shown in the cell that caused them."""

from __future__ import annotations

from IPython.display import display


def show_message(text: str) -> None:
    """Show one line below the cell."""
    from mlmagic.widgets.cards import Card
    from mlmagic.widgets.html import FONT, escape

    display(Card(f'<div style="{FONT}">{escape(text)}</div>', text))
