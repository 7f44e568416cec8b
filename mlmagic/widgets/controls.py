"""What tables and browsers have in common: something to choose from that changes while they are open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def offer(choice: Any, names: Iterable[str]) -> None:
    """Have a Dropdown offer ``names``; what is chosen stays so while it is among them, else the first is."""
    options = tuple(names)
    if choice.options != options:
        before = choice.value
        with choice.hold_sync():
            choice.options = options
            choice.value = before if before in options else next(iter(options), None)
