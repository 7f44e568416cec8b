"""Files that are replaced while the server runs: keys that are regenerated, certificates that are renewed."""

from __future__ import annotations

import os
from pathlib import Path

Stamp = tuple[int, int, int] | None


class WatchedFiles:
    """Detects changes of files."""

    def __init__(self, *paths: Path) -> None:
        self._paths = paths
        self._seen = self._look()

    def changed(self) -> bool:
        """Whether any of them has changed, or was removed, since the last call."""
        now = self._look()
        before, self._seen = self._seen, now
        return now != before

    def _look(self) -> list[Stamp]:
        return [_stamp(path) for path in self._paths]


def _stamp(path: Path) -> Stamp:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
