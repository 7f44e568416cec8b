"""How one process tells the others that something changed: a byte to a port on this machine.

Each listener binds a UDP port on the loopback address and leaves its number as a file name in the
workspace's ``bells`` folder. A ring carries no content: whoever hears it looks at the rows. So a lost ring
costs a second, a false one nothing, and it works the same between kernels, command line and servers.
"""

from __future__ import annotations

import socket
from pathlib import Path
from types import TracebackType

from mlmagic.workspace.identity import ProcessIdentity


class Bell:
    """This process's own bell. Closing it takes its name out of the folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._name = folder / str(self._socket.getsockname()[1])
        # The owner is written down so that a bell whose owner was killed can be taken away.
        self._name.write_text(str(ProcessIdentity.current()))

    def fileno(self) -> int:
        return self._socket.fileno()

    def hush(self) -> None:
        """Take note of all rings so far."""
        try:
            while self._socket.recv(16):
                pass
        except BlockingIOError:
            pass

    def close(self) -> None:
        self._name.unlink(missing_ok=True)
        self._socket.close()

    def __enter__(self) -> Bell:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()


def sweep_bells(folder: Path) -> None:
    """Remove the bells of processes that have ended."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        try:
            owner = ProcessIdentity.parse(path.read_text())
        except OSError:
            continue
        if owner is not None and owner.dead:
            path.unlink(missing_ok=True)
