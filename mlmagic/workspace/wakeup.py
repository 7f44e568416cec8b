"""Wake-up signals: how one process tells the others that the workspace has changed.

Each listener binds a UDP port on the loopback address and leaves its number as a file name in the
workspace's ``bells`` folder (the name is that of earlier versions). A signal has no content: who gets one
reads the rows. So a lost signal costs a second and a false one a look at the rows, and it works alike between
kernels, the command line and servers. Any process of the machine can send signals, so a listener that gets
many false ones pauses.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from mlmagic.workspace.identity import ProcessIdentity

FALSE_AT_ONCE = 50
FALSE_PER_SECOND = 2.0
_MOST_DISCARDED = 100


class Patience:
    """How many false signals a listener bears: so many at once, then so many per second."""

    def __init__(self, at_once: int = FALSE_AT_ONCE, per_second: float = FALSE_PER_SECOND) -> None:
        self._most = float(at_once)
        self._per_second = per_second
        self._left = self._most
        self._counted = 0.0

    def spend(self, now: float) -> None:
        """Count a signal as false."""
        self._left = min(self._most, self._left + (now - self._counted) * self._per_second) - 1
        self._counted = now

    def restore(self) -> None:
        """Take the last signal for a true one after all."""
        self._left += 1

    def pause(self, now: float) -> float:
        """The seconds until the next signal may be taken; 0 while there is patience left."""
        return max(0.0, self._counted + (1 - self._left) / self._per_second - now) if self._left < 1 else 0.0


class WakeupListener:
    """Receives this process's wake-up signals. Closing it removes its file from the folder."""

    def __init__(self, folder: Path) -> None:
        self._patience = Patience()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # The kernel's least: a few signals wait, the rest are discarded before they cost anything.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._name = folder / str(self._socket.getsockname()[1])
        # Without its file, as in a folder that is read-only or full, it gets no signals: a second each.
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            # The owner is recorded, so that the listener of a process that was killed can be removed.
            self._name.write_text(str(ProcessIdentity.current()))

    def fileno(self) -> int:
        return self._socket.fileno()

    def clear(self) -> None:
        """Discard the signals so far, and count them as one false signal."""
        with suppress(BlockingIOError):
            for _ in range(_MOST_DISCARDED):  # more may arrive as fast as they are read
                self._socket.recv(16)
        self._patience.spend(time.monotonic())

    def was_true(self) -> None:
        """Say that there was news at the signal that was cleared last."""
        self._patience.restore()

    @property
    def pause(self) -> float:
        """For how many seconds its owner should not wait for signals; more than 0 after many false ones."""
        return self._patience.pause(time.monotonic())

    def close(self) -> None:
        with suppress(OSError):
            self._name.unlink(missing_ok=True)
        self._socket.close()

    def __enter__(self) -> WakeupListener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()


def remove_dead_listeners(folder: Path) -> None:
    """Remove the files of listeners whose processes have ended."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        try:
            owner = ProcessIdentity.parse(path.read_text())
        except OSError:
            continue
        if owner is not None and owner.dead:
            path.unlink(missing_ok=True)
