"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LONGEST_SECONDS = 60.0
PAUSE_SECONDS = 0.01


def wait_for(
    condition: Callable[[], T],
    message: str | Callable[[], str] = "",
    *,
    timeout: float = LONGEST_SECONDS,
    ignoring: tuple[type[Exception], ...] = (AssertionError,),
) -> T:
    """Call ``condition`` until it returns something true, and return that.

    Args:
        condition: May assert: a failed assertion means "not yet", as do the exceptions in ``ignoring``.
        message: What is waited for, or a function that returns it (a log, for example). The failure shows it,
            with what ``condition`` returned or raised last.
        timeout: In seconds.

    Raises:
        AssertionError: After ``timeout``.
    """
    deadline = time.monotonic() + timeout
    while True:
        seen: object
        try:
            found = condition()
            if found:
                return found
            seen = found
        except ignoring as error:
            seen = error
        if time.monotonic() > deadline:
            what = message() if callable(message) else message
            raise AssertionError(f"waited {timeout:g} s for: {what or condition}; last seen: {seen!r}")
        time.sleep(PAUSE_SECONDS)
