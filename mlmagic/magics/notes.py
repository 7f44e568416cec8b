"""Lines the user should read, shown in the cell that caused them."""

from __future__ import annotations

from html import escape
from typing import Any

from IPython.display import display


class Note:
    """One line, as HTML and as text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        from mlmagic.widgets.html import FONT

        return {"text/html": f'<div style="{FONT}">{escape(self.text)}</div>', "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text


def show_note(text: str) -> None:
    """Show one line under the cell."""
    display(Note(text))
