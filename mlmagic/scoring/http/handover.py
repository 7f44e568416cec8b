"""Handing the listening socket over: how an update loses no connection.

A server offers its socket at a Unix socket in its run directory. The next revision takes it when it is ready
to serve: both then accept from one queue, and when the old one stops listening, those who wait in it are
the new one's. (Two sockets on one port have a queue each, and what waits in a closed one is lost.)
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

NAME = "handover"
PATIENCE_S = 5.0


class Offer:
    """Gives ``listening`` to whoever asks at ``folder``, until closed."""

    def __init__(self, folder: Path, listening: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self._folder = folder
        self._listening = listening
        self._loop = loop
        self._door: socket.socket | None = None
        # Where it cannot be (a path that is too long, a file system without sockets) the next revision
        # listens beside this one.
        with contextlib.suppress(OSError):
            self._open()

    def close(self) -> None:
        """Offer it no more."""
        if self._door is not None:
            self._loop.remove_reader(self._door)
            self._door.close()
            self._door = None
            with contextlib.suppress(OSError):
                os.unlink(self._folder / NAME)

    def _open(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._folder / NAME)
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _address(self._folder) as address:
                door.bind(address)
            door.listen(4)
            door.setblocking(False)
        except OSError:
            door.close()
            raise
        self._door = door
        self._loop.add_reader(door, self._give)

    def _give(self) -> None:
        assert self._door is not None
        with contextlib.suppress(OSError):
            asking, _ = self._door.accept()
            with asking:
                socket.send_fds(asking, [b"\0"], [self._listening.fileno()])


def take(folder: Path, port: int) -> socket.socket | None:
    """The socket of the server that runs in ``folder``, if it offers one that listens on ``port``."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking, _address(folder) as address:
            asking.settimeout(PATIENCE_S)
            asking.connect(address)
            _, descriptors, _, _ = socket.recv_fds(asking, 1, 1)
    except OSError:
        return None
    if not descriptors:
        return None
    taken = socket.socket(fileno=descriptors[0])
    if taken.getsockname()[1] != port:
        taken.close()
        return None
    taken.setblocking(False)
    return taken


@contextlib.contextmanager
def _address(folder: Path) -> Iterator[str]:
    """A path to the door that is short enough: the system takes about a hundred characters."""
    if not os.path.isdir("/proc/self/fd"):
        yield str(folder / NAME)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)
