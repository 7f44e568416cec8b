"""Messages of an operation, printed as the operation goes on."""

from __future__ import annotations

from mlmagic.errors import Front, written_for
from mlmagic.visible_text import visible


def show_line(text: str) -> None:
    """Print one line of the engine, which names the SDK's arguments where it says what to do."""
    print(visible(written_for(Front.SDK, text)))
