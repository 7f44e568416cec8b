"""Dropdowns whose options change while they are open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def offer(choice: Any, names: Iterable[str]) -> None:
    """Set a Dropdown's options to ``names``; keeps the selection if possible, else selects the first."""
    options = tuple(names)
    if choice.options != options:
        before = choice.value
        with choice.hold_sync():
            choice.options = options
            choice.value = before if before in options else next(iter(options), None)
