"""The rotation of a server's log file: ``log.txt`` is renamed when it is large, and a new one is begun.

    log.txt      what is written now
    log.txt.1    what was written before, then log.txt.2 and so on

The server does it itself, by replacing its standard output and error, so no line is lost or divided. Where
several processes write one log, the first that finds it large renames it, and the others follow. What the
script has started goes on writing to the renamed file.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from mlmagic.scoring.limits import WHOLE, positive_number

LOG = "log.txt"
LARGEST = "MLMAGIC_LOG_MAX_BYTES"
FILES = "MLMAGIC_LOG_FILES"
DEFAULT_LARGEST = 10_000_000
DEFAULT_FILES = 3
LOOK_S = 0.5
_STREAMS = (1, 2)


class LogRotation:
    """Rotates the log of one server."""

    def __init__(self, path: Path, largest: int = DEFAULT_LARGEST, files: int = DEFAULT_FILES) -> None:
        """``largest`` is in bytes; ``files`` is how many are kept, the one that is written included."""
        self._path = path
        self._largest = largest
        self._files = files

    @classmethod
    def of(cls, folder: Path | None, environment: Mapping[str, str] = os.environ) -> LogRotation | None:
        """None unless this process writes its log into ``folder``. Raises `InvalidLimit`."""
        largest = positive_number(environment, LARGEST, WHOLE) or DEFAULT_LARGEST
        files = positive_number(environment, FILES, WHOLE) or DEFAULT_FILES
        if folder is None or not _is_written_to(folder / LOG):
            return None
        return cls(folder / LOG, int(largest), int(files))

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at the size from time to time."""
        # If the log cannot be renamed, the server keeps writing to it.
        with contextlib.suppress(OSError):
            self.rotate_if_large()
        loop.call_later(LOOK_S, self.watch, loop)

    def rotate_if_large(self) -> None:
        """Begin a new file if this one is full; go on in one that another process has begun."""
        if os.fstat(1).st_size < self._largest and self._is_current():
            return
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # of several processes, one renames
            if self._is_current():
                for number in range(self._files - 1, 0, -1):
                    with contextlib.suppress(FileNotFoundError):
                        os.replace(older(self._path, number - 1), older(self._path, number))
            self._open()
        finally:
            os.close(folder)

    def _is_current(self) -> bool:
        """Whether this process writes to the newest file."""
        return _is_written_to(self._path)

    def _open(self) -> None:
        log = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for stream in _STREAMS:
            os.dup2(log, stream)
        os.close(log)


def older(path: Path, number: int) -> Path:
    """The n-th file before ``path``; 0 is ``path`` itself."""
    return path.with_name(f"{path.name}.{number}") if number else path


def _is_written_to(path: Path) -> bool:
    """Whether both standard streams of this process are the file ``path``."""
    try:
        wanted = path.stat()
        written = [os.fstat(stream) for stream in _STREAMS]
    except OSError:
        return False
    return stat.S_ISREG(wanted.st_mode) and all(os.path.samestat(wanted, each) for each in written)
