"""A delivery in a process beside the server: what it does takes no time from the interpreter that answers.

It is started with the first records, and ends when the server closes it or has ended.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from socket import socketpair
from typing import Any

from mlmagic.scoring.delivery.delivery import Delivery, Outcome

MODULE = "mlmagic.scoring.delivery"
SLICE = 512
"""So many records are sent in one piece: meanwhile nobody else has this process's interpreter."""
PAUSE_SECONDS = 0.001
"""Between two pieces: requests are answered meanwhile."""
END_SECONDS = 1.0
"""How long the end of the server waits for it."""
_HOME = Path(__file__).parents[3]
_processes: weakref.WeakSet[DeliveryProcess] = weakref.WeakSet()


class DeliveryProcess:
    """A delivery in a process of its own. Where none can be started, it is one of this process."""

    def __init__(self, make: Callable[[], Delivery]) -> None:
        """``make`` is called in that process, so it must be picklable."""
        self._make = make
        self._here: Delivery | None = None
        self._connection: Connection | None = None
        self._process: subprocess.Popen[bytes] | None = None
        _processes.add(self)

    def deliver(self, records: Sequence[Any]) -> Outcome:
        """Send them to the process, and wait for what became of them."""
        if self._here is None and self._connection is None:
            try:
                self._start()
            except OSError:  # no memory, or no right to start processes
                self._here = self._make()
        if self._here is not None:
            return self._here.deliver(records)
        return self._ask("deliver", records)

    def again(self) -> Outcome:
        """The same for those that have failed."""
        return self._here.again() if self._here is not None else self._ask("again", ())

    def close(self) -> None:
        """Let the process end; it is not waited for long."""
        self._end()
        if self._here is not None:
            self._here.close()

    def _ask(self, method: str, records: Sequence[Any]) -> Outcome:
        try:
            assert self._connection is not None
            for at in range(0, len(records), SLICE):
                if at:
                    time.sleep(PAUSE_SECONDS)
                self._connection.send_bytes(pickle.dumps(records[at : at + SLICE]))
            self._connection.send_bytes(pickle.dumps(method))
            outcome: Outcome = pickle.loads(self._connection.recv_bytes())
        except (OSError, EOFError):
            if self._process is not None:
                self._process.kill()
            self._end()
            # Not sent to another process: this one may have delivered some of them.
            return Outcome(dropped=len(records), reason="the process that delivers them was ended")
        return outcome

    def _start(self) -> None:
        ours, theirs = socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", MODULE, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    # The working directory is the script's: its json.py is not for this process.
                    env={**os.environ, "PYTHONPATH": _python_path(), "PYTHONSAFEPATH": "1"},
                )
            except BaseException:
                ours.close()
                raise
        self._connection = Connection(ours.detach())
        self._connection.send_bytes(pickle.dumps(self._make))

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):  # it ends by itself when it has delivered what it has
                self._process.wait(END_SECONDS)

    def _leave_to_parent(self) -> None:
        """In a process that was forked from this one: the process beside it is the parent's."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.returncode = 0  # so that its object does not look for it at its end
        self._connection, self._process = None, None


def _python_path() -> str:
    """So that the process finds this package, wherever the server has found it."""
    return os.pathsep.join(filter(None, [str(_HOME), os.environ.get("PYTHONPATH")]))


def _leave_all() -> None:
    for process in _processes:
        process._leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all)
