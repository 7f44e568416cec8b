"""Errors of a server that does not start for a reason outside its script."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, ClassVar

from mlmagic.scoring.report import FAILED


class StartFailed(Exception):
    """Something outside the script is wrong; ``hint`` says what to do about it."""

    phase: ClassVar[str]
    """What was being done, for the report."""
    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def record(self) -> dict[str, str]:
        """For the report."""
        return {
            "phase": self.phase,
            "type": type(self).__name__,
            "message": str(self),
            "traceback": "",
            "hint": self.hint,
        }

    def told(self, say: Callable[..., Any]) -> int:
        """Print it with its hint and report it with ``say``; returns the exit code of the server."""
        print("\n".join(filter(None, (f"mlmagic: {self}", self.hint))), file=sys.stderr, flush=True)
        say(FAILED, error=self.record())
        return self.exit_code
