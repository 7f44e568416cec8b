"""Wake-up signals: a server notifies the processes that wait for a change of its report.

A process that wants to be notified binds a UDP port on 127.0.0.1 and makes an empty file whose name is the
port. `notify` sends one byte to each.
"""

from __future__ import annotations

import os
import socket

VARIABLE = "MLMAGIC_BELLS"


def notify(folder: str | os.PathLike[str] | None) -> None:
    """Notify the listeners whose files are in ``folder``. Never raises, never waits."""
    try:
        names = os.listdir(folder) if folder else []
    except OSError:
        return
    ports = [int(name) for name in names if name.isascii() and name.isdigit() and 0 < int(name) < 65536]
    if not ports:
        return
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            for port in ports:
                _send(sender, port)
    except OSError:
        return


def _send(sender: socket.socket, port: int) -> None:
    try:
        sender.sendto(b"\x07", ("127.0.0.1", port))
    except OSError:
        return
