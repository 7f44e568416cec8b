"""Interruptions: a process is killed, or an operation fails, at the n-th change of a workspace.

The changes are those of files below some folders (opened for writing, written, synced, renamed, linked,
removed, made) and the commits of the database, in the order in which the process makes them. So one number
names one place, and all places are reached, also those that last a microsecond.
"""

from __future__ import annotations

import errno
import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine as Database
from sqlalchemy.pool import Pool

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_BY_PATH = ("replace", "rename", "unlink", "remove", "rmdir", "mkdir", "link", "symlink")
_BY_DESCRIPTOR = ("write", "fsync", "fdatasync")


class Action(StrEnum):
    """What happens at the chosen change."""

    NOTHING = "nothing"
    """The changes are counted only."""
    KILL = "kill -9"
    FAIL = "no space left"
    """The operation raises `OSError`; a commit is not failed, as SQLite writes its files itself."""


class Interruption:
    """Arms this process, once and for all: use it in a child that is forked for it."""

    def __init__(self, folders: Iterable[Path], action: Action, at: int) -> None:
        self._folders = tuple(f"{folder}/" for folder in folders)
        self._action, self._at = action, at
        self._numbers = itertools.count(1)
        self._busy = threading.local()
        self.count = 0
        """How many changes there were so far."""
        self.happened = False
        for name in _BY_PATH:
            setattr(os, name, self._wrapped(getattr(os, name), self._is_below))
        for name in _BY_DESCRIPTOR:
            setattr(os, name, self._wrapped(getattr(os, name), self._is_open_below))
        sys.addaudithook(self._audit)
        event.listen(Database, "commit", lambda connection: self._pass(may_fail=False))
        event.listen(Pool, "checkin", lambda *_: self._pass(may_fail=False))

    def _wrapped(self, call: Callable[..., Any], concerns: Callable[..., bool]) -> Callable[..., Any]:
        def wrapper(*args: Any, **named: Any) -> Any:
            if concerns(args[0], **named):
                self._pass(may_fail=True)
            return call(*args, **named)

        return wrapper

    def _is_below(self, path: Any, *args: Any, dir_fd: int | None = None, **named: Any) -> bool:
        return dir_fd is not None or f"{os.path.abspath(os.fsdecode(path))}/".startswith(self._folders)

    def _is_open_below(self, descriptor: int) -> bool:
        try:
            return f"{os.readlink(f'/proc/self/fd/{descriptor}')}/".startswith(self._folders)
        except OSError:
            return False

    def _audit(self, name: str, args: tuple[Any, ...]) -> None:
        if name != "open" or getattr(self._busy, "now", False):
            return
        path, _, flags = args
        if isinstance(path, str | bytes) and flags & _WRITING and self._is_below(path):
            self._pass(may_fail=True)

    def _pass(self, *, may_fail: bool) -> None:
        self.count = number = next(self._numbers)
        if number != self._at:
            return
        if self._action is Action.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._action is Action.FAIL and may_fail:
            self.happened = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
