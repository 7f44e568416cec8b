"""Which process is which. A pid alone is none: pids are used again, so the start time goes with it."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

# The kernel's idea of when it was booted, which start times are counted from, moves with the clock.
_TOLERANCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process on one machine, told apart from any later one with its pid."""

    host: str
    """A `machine`."""
    pid: int
    started: float
    """Seconds since the epoch."""

    @classmethod
    def current(cls) -> ProcessIdentity:
        """This process: the same value however often it is asked for."""
        return _identity(os.getpid())

    @classmethod
    def owner_of(cls, mark: str) -> ProcessIdentity | None:
        """The process that made a `mark`; None for anything else."""
        return cls.parse(mark.rpartition(".")[0])

    def mark(self) -> str:
        """A name for something this process owns, like no other: a file's, or a lease's holder."""
        return f"{self}.{uuid.uuid4().hex[:12]}"

    @classmethod
    def parse(cls, text: str) -> ProcessIdentity | None:
        """The inverse of ``str``; None for anything else."""
        host, _, rest = text.rpartition("@")
        pid, _, started = rest.partition("-")
        try:
            return cls(host, int(pid), float(started))
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.host}@{self.pid}-{self.started:.2f}"

    @property
    def dead(self) -> bool:
        """Whether it is certain that this process has ended. Of another machine's, nothing is certain."""
        if self.host != machine():
            return False
        started = _start_time(self.pid)
        return started is None or abs(started - self.started) > _TOLERANCE_SECONDS


@cache
def _identity(pid: int) -> ProcessIdentity:
    return ProcessIdentity(machine(), pid, _start_time(pid) or 0.0)


@cache
def machine() -> str:
    """This machine's name. A host name alone is too often another machine's as well."""
    host = socket.gethostname().replace("/", "_") or "localhost"
    try:
        number = Path("/etc/machine-id").read_bytes().strip()
    except OSError:
        number = b""
    # Hashed, as its documentation asks: the number itself is not for others to see.
    return f"{host}-{sha256(number).hexdigest()[:8]}" if number else host


def _start_time(pid: int) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return float(process.create_time())
