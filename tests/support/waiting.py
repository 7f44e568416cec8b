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
    message: str = "",
    *,
    timeout: float = LONGEST_SECONDS,
    ignoring: tuple[type[Exception], ...] = (AssertionError,),
) -> T:
    """Call ``condition`` until it returns something true, and return that.

    Args:
        condition: May assert: a failed assertion means "not yet", as do the exceptions in ``ignoring``.
        message: What is waited for; the failure shows it with what ``condition`` returned or raised last.
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
            raise AssertionError(f"waited {timeout:g} s for {message or condition}; last seen: {seen!r}")
        time.sleep(PAUSE_SECONDS)
