"""Wake-up signals: how one process tells the others that the workspace has changed.

Each listener binds a UDP port on the loopback address and leaves its number as a file name in the
workspace's ``bells`` folder (the name is that of earlier versions). A signal has no content: who gets one
reads the rows. So a lost signal costs a second and a false one nothing, and it works alike between kernels,
the command line and servers.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from mlmagic.workspace.identity import ProcessIdentity


class WakeupListener:
    """Receives this process's wake-up signals. Closing it removes its file from the folder."""

    def __init__(self, folder: Path) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
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
        """Discard the signals so far."""
        try:
            while self._socket.recv(16):
                pass
        except BlockingIOError:
            pass

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
