"""Errors of a server that does not start for a reason outside its script."""

from __future__ import annotations

from typing import ClassVar


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
