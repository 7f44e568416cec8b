"""The identity of a process: machine, pid and start, as pids are reused.

On Linux the start is counted in clock ticks since the boot, beside the id of the boot: what it says does not
change when somebody sets the clock.
"""

from __future__ import annotations

import os
import re
import socket
import uuid
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

_IDENTITY = re.compile(r"[0-9]+-[0-9a-f.-]*")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TOLERANCE_SECONDS = 2.0
"""Earlier versions wrote seconds since the epoch, counted from a boot time that moves with the clock."""


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process on one machine; a later process with the same pid is a different one."""

    host: str
    """A `machine`."""
    pid: int
    started: str
    """When it started, as `start_of` writes it."""

    @classmethod
    def current(cls) -> ProcessIdentity:
        """This process; always the same value."""
        return _identity(os.getpid())

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity:
        """The process of this machine that has this pid now; a dead one if none has it."""
        return cls(machine(), pid, start_of(pid) or "")

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
        return cls(host, int(pid), started) if _IDENTITY.fullmatch(rest) else None

    def __str__(self) -> str:
        return f"{self.host}@{self.pid}-{self.started}"

    @property
    def dead(self) -> bool:
        """Whether this process has certainly ended; never certain for a process of another machine."""
        if self.host != machine():
            return False
        if "-" in self.started:
            return start_of(self.pid) != self.started
        return not _is_near(_start_time(self.pid), self.started)


@cache
def _identity(pid: int) -> ProcessIdentity:
    return ProcessIdentity(machine(), pid, start_of(pid) or "")


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


@cache
def boot() -> str:
    """A short id of the time since this machine was started; empty where the system has none."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip().replace("-", "")[:12]
    except OSError:
        return ""


def start_of(pid: int) -> str | None:
    """When the process with this pid started; None if there is none, or if it has ended and is a zombie.

    On Linux "TICKS-BOOT", elsewhere seconds since the epoch, which the system notes at the start.
    """
    if not boot():
        started = _start_time(pid)
        return None if started is None else f"{started:.2f}"
    try:
        # The name of the program, in parentheses, may hold blanks and parentheses itself.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
    except OSError:
        return None
    state, *others = fields.split()
    return None if state in "ZX" else f"{others[18]}-{boot()}"


def _start_time(pid: int) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return float(process.create_time())


def _is_near(started: float | None, written: str) -> bool:
    try:
        return started is not None and abs(started - float(written)) <= _TOLERANCE_SECONDS
    except ValueError:
        return False
