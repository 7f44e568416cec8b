"""A parent process for a server where there are no cgroups, which ends what its script has started.

It is a subreaper of Linux: a process whose own parent has ended becomes its child, also one that has left
its session. When the server ends, in whatever way, every process that remains is killed, and the parent ends
as the server did. A server must not be a subreaper itself: it would have to wait for processes that are not
its own, and the exit codes that a script waits for could be lost.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

SUBREAPER = "subreaper"
"""The file in the run folder of a service with the pid of the server's parent."""
_PR_SET_CHILD_SUBREAPER = 36
_FORWARDED = (signal.SIGTERM, signal.SIGINT)


def fork_below_subreaper() -> int:
    """Go on in a new process, whose parent this one becomes; returns the parent's pid, 0 without Linux."""
    if sys.platform != "linux":
        return 0
    import ctypes

    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        return 0
    parent = os.getpid()
    held = signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)
    server = os.fork()
    if server:
        for number in _FORWARDED:
            signal.signal(number, lambda received, _frame: _send(server, received))
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
        _end_as(_status_of(server))
    signal.pthread_sigmask(signal.SIG_SETMASK, held)
    os.setsid()
    return parent


def record_subreaper(run_dir: Path, pid: int) -> None:
    """Name the parent of a service's server in its run folder."""
    with contextlib.suppress(OSError):
        (run_dir / SUBREAPER).write_text(str(pid), encoding="ascii")


def subreaper_of(run_dir: Path) -> int:
    """The pid of the process that ends what a service has started; 0 if there is none."""
    try:
        return int((run_dir / SUBREAPER).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _status_of(server: int) -> int:
    """Wait for the end of the server and of those who lost their parents, then end all that remains."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == server:
            break
    while killed := [child for child in _children() if _send(child, signal.SIGKILL)]:
        for child in killed:  # its own children become ours
            os.waitpid(child, 0)
    return status


def _children() -> list[int]:
    own = str(os.getpid())
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if (process / "stat").read_text(errors="replace").rpartition(")")[2].split()[1] == own:
                found.append(int(process.name))
    return found


def _send(pid: int, number: int) -> bool:
    """Whether the signal was sent: not to a process that has changed its user."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _end_as(status: int) -> NoReturn:
    """End with the exit code of a process, or by its signal."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one picture of the crash is enough
        with contextlib.suppress(OSError, ValueError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)
