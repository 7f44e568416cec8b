"""The identity of a process: machine, pid and start time, as pids are reused."""

from __future__ import annotations

import os
import socket
import uuid
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

# Start times are counted from the boot time, which the kernel adjusts with the clock.
_TOLERANCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process on one machine; a later process with the same pid is a different one."""

    host: str
    """A `machine`."""
    pid: int
    started: float
    """Seconds since the epoch."""

    @classmethod
    def current(cls) -> ProcessIdentity:
        """This process; always the same value."""
        return _identity(os.getpid())

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """The process of this machine that has this pid now; a dead one if none has it."""
        return cls(machine(), pid, _start_time(pid) or 0.0)

    @classmethod
    def owner_of(cls, mark: str) -> ProcessIdentity | None:
        """The process that created a `mark`; None for other text."""
        return cls.parse(mark.rpartition(".")[0])

    def mark(self) -> str:
        """A unique name for a file or lease that this process owns."""
        return f"{self}.{uuid.uuid4().hex[:12]}"

    @classmethod
    def parse(cls, text: str) -> ProcessIdentity | None:
        """The inverse of ``str``; None for other text."""
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
        """Whether this process has certainly ended; never certain for a process of another machine."""
        if self.host != machine():
            return False
        started = _start_time(self.pid)
        return started is None or abs(started - self.started) > _TOLERANCE_SECONDS


@cache
def _identity(pid: int) -> ProcessIdentity:
    return ProcessIdentity(machine(), pid, _start_time(pid) or 0.0)


@cache
def machine() -> str:
    """This machine's name: host name and machine id, as host names are not unique."""
    host = socket.gethostname().replace("/", "_") or "localhost"
    try:
        number = Path("/etc/machine-id").read_bytes().strip()
    except OSError:
        number = b""
    # Hashed, as its documentation requires: the id itself must not be exposed.
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
