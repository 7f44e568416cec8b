"""The run directory: how a server and its launcher communicate.

    lock          made by the launcher, held (a POSIX record lock) by the server until it ends; when it is
                  removed, no server can start here any more
    report.json   the server's last report: its pid, phase, URL, and why it failed

The server uses `RunDirectory`; everyone else uses the functions. A process that serves must not call
them on its own directory: a record lock is dropped when any descriptor of its file is closed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmagic.scoring import termination, wakeup

LOCK = "lock"
REPORT = "report.json"

STARTING, SERVING, FAILED, STOPPED = "starting", "serving", "failed", "stopped"

_PATIENCE_S = 1.0
_PAUSE_S = 0.01


@dataclass(frozen=True)
class Report:
    """A server's last report."""

    pid: int
    phase: str
    """``starting``, ``serving``, ``failed`` or ``stopped``."""
    url: str | None
    port: int | None
    error: dict[str, Any] | None
    """Keys phase, type, message, traceback, hint; the last two may be missing."""
    time: float
    ready: int | None = None
    """How many replicas answer, of a server of several processes."""
    replicas: int | None = None
    """How many there are to be; None for a server of one process."""
    idle: bool | None = None
    """Whether there is none because nobody calls, until the next request."""
    python: str | None = None
    """The interpreter; None in a report of an earlier version."""


class Occupied(Exception):
    """Another server holds this run directory, or it was retired."""


class RunDirectory:
    """A server's own view of its run directory; made by `claim`."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def claim(cls, path: str | os.PathLike[str]) -> RunDirectory:
        """Take the lock until this process ends. Raises `Occupied`."""
        folder = Path(path)
        try:
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise Occupied from error
        if not _take_soon(lock) or os.fstat(lock).st_nlink == 0:
            os.close(lock)
            raise Occupied
        return cls(folder, lock)

    def write(
        self,
        phase: str,
        *,
        url: str | None = None,
        port: int | None = None,
        error: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """Replace the report, and notify those who wait for it. ``more``: other fields of `Report`."""
        body = {
            "pid": os.getpid(),
            "phase": phase,
            "url": url,
            "port": port,
            "error": error,
            "time": time.time(),
            "python": sys.executable,
            **more,
        }
        draft = self.path / f".{REPORT}.{os.getpid()}"
        draft.write_text(json.dumps(body), encoding="utf-8")
        os.replace(draft, self.path / REPORT)
        if error is not None:
            termination.leave_message(error)
        wakeup.notify(os.environ.get(wakeup.VARIABLE))


def prepare(path: str | os.PathLike[str]) -> None:
    """Make ``path`` ready for a server: the lock is there, an old report is not."""
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LOCK).touch()
    (folder / REPORT).unlink(missing_ok=True)


def read_report(path: str | os.PathLike[str]) -> Report | None:
    """The server's last report; None if there is none."""
    try:
        body = json.loads((Path(path) / REPORT).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Report(**{name: body.get(name) for name in Report.__dataclass_fields__})


def holder_alive(path: str | os.PathLike[str]) -> bool:
    """Whether a server holds the lock now."""
    with _opened_lock(path) as lock:
        return lock is not None and not _try(lock, fcntl.LOCK_SH)


def retire(path: str | os.PathLike[str]) -> bool:
    """Let no server start here any more. False, and nothing is changed, while one holds the lock."""
    with _opened_lock(path) as lock:
        if lock is None:
            return True
        if not _try(lock, fcntl.LOCK_EX):
            return False
        (Path(path) / LOCK).unlink(missing_ok=True)
        return True


def replica_folder(path: str | os.PathLike[str], number: int) -> Path:
    """The folder, in a run directory, of one of several processes; ``number`` is from 1."""
    return Path(path) / f"replica-{number}"


def replica_folders(path: str | os.PathLike[str]) -> list[Path]:
    """A run directory, and the folders of the processes that have served in it."""
    return [Path(path), *sorted(Path(path).glob("replica-*"))]


@contextlib.contextmanager
def _opened_lock(path: str | os.PathLike[str]) -> Iterator[int | None]:
    try:
        lock = os.open(Path(path) / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    try:
        yield lock
    finally:
        os.close(lock)


def _take_soon(lock: int) -> bool:
    # Observers take a shared lock for an instant: a refusal counts only when it lasts.
    deadline = time.monotonic() + _PATIENCE_S
    while not _try(lock, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_S)
    return True


def _try(lock: int, kind: int) -> bool:
    try:
        fcntl.lockf(lock, kind | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
