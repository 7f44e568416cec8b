"""Entry scripts for the server's tests, and calls that stay on its loop."""

from __future__ import annotations

from pathlib import Path

from mlmagic.scoring.calls.runner import Pace

SCRIPTS = Path(__file__).parents[1] / "scoring" / "scripts"


class Inline(Pace):
    """Calls stay on the loop, however busy the machine that runs the tests is."""

    def __init__(self) -> None:
        super().__init__()
        self.inline = True

    def record(self, seconds: float) -> None:
        pass
