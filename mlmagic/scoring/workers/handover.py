"""An update that rolls through the processes of a service: one old one ends for each new one that is ready.

So there is one process more than usual at most. Both servers accept from one queue meanwhile.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from mlmagic.scoring.control import SCALE, send_command
from mlmagic.scoring.report import read_report


class RollingHandover:
    """The server that is replaced, as its successor of ``wanted`` processes sees it."""

    def __init__(self, run_dir: Path, wanted: int) -> None:
        self._run_dir, self._wanted = run_dir, wanted
        seen = read_report(run_dir)
        self._before = seen.replicas if seen is not None else None
        """How many processes it had; None if it has one that cannot end alone."""

    def make_room(self, ready: int) -> None:
        """So many new processes are ready: as many fewer old ones are needed, and one until the end."""
        if self._before is not None:
            self._scale(max(1, min(self._before, self._wanted - ready)))

    def undo(self) -> None:
        """The successor has failed: the old processes come back."""
        if self._before is not None:
            self._scale(self._before)

    def _scale(self, replicas: int) -> None:
        with contextlib.suppress(OSError, ValueError):  # it has ended
            send_command(self._run_dir, {"do": SCALE, "replicas": replicas})
