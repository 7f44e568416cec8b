"""How an operation reports a line that the user should read, while it goes on."""

from __future__ import annotations

from collections.abc import Callable

Notify = Callable[[str], None]
"""Takes one line of text for the user."""


class Progress(str):
    """A line about work that takes a while: to be shown at once, and not to be kept beside the result."""


def silent(_line: str) -> None:
    """A `Notify` that drops every line."""
