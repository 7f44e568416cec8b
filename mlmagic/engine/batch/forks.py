"""Processes of a batch job that are forked from a zygote: the libraries are imported once for all of them.

The zygote stays until this process ends, so that the next job starts at once.
"""

from __future__ import annotations

import os
import select
import subprocess
import threading
from collections.abc import Mapping

from mlmagic.targets.local.process import descriptor_of
from mlmagic.targets.local.zygote import Refused, Zygote, is_possible

_current: Zygote | None = None
_starting = threading.Lock()
_alive: set[ForkedProcess] = set()


class ForkedProcess:
    """A fork, as `subprocess.Popen` would show it. Until `wait` returns, its pid is nobody else's."""

    def __init__(self, zygote: Zygote, pid: int) -> None:
        self.zygote, self.pid = zygote, pid
        self.returncode: int | None = None
        """The exit code, once `wait` has returned."""
        self._file = os.pidfd_open(pid)
        _alive.add(self)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; returns the exit code. Raises `subprocess.TimeoutExpired`."""
        if self.returncode is None:
            ended = select.poll()
            ended.register(self._file, select.POLLIN)
            if not ended.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            try:
                self.returncode = self.zygote.reap(self.pid)
            except Refused:  # the zygote was killed; whoever did that will have killed its forks
                self.returncode = -9
            os.close(self._file)
            _alive.discard(self)
        return self.returncode


def zygote_for(env: Mapping[str, str]) -> Zygote | None:
    """A zygote for processes with these variables; None if there can be none now."""
    global _current
    if not _can_fork():
        return None
    with _starting:
        if _current is not None and not (_current.usable and _current.fits(env)):
            if any(each.zygote is _current for each in _alive):
                return None  # another job is running, with other variables
            _current.close()
            _current = None
        if _current is None:
            _current = Zygote(env, keep_children=True)
        return _current


def stop() -> None:
    """End the zygote of this process, if it has one."""
    global _current
    with _starting:
        if _current is not None:
            _current.close()
        _current = None


def _can_fork() -> bool:
    """Whether there may be zygotes, and the end of a fork can be waited for: not in some sandboxes."""
    file = descriptor_of(os.getpid()) if is_possible() else None
    if file is None:
        return False
    os.close(file)
    return True
