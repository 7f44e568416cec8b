"""Bells: how a server tells whoever waits for it that its report has changed.

A bell is an empty file whose name is a UDP port on 127.0.0.1. Whoever wants to be woken binds the port
and makes the file; `ring` sends one byte to each.
"""

from __future__ import annotations

import os
import socket

VARIABLE = "MLMAGIC_BELLS"


def ring(folder: str | os.PathLike[str] | None) -> None:
    """Wake everyone whose bell hangs in ``folder``. Never raises, never waits."""
    try:
        names = os.listdir(folder) if folder else []
    except OSError:
        return
    ports = [int(name) for name in names if name.isascii() and name.isdigit() and 0 < int(name) < 65536]
    if not ports:
        return
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bell:
            bell.setblocking(False)
            for port in ports:
                _knock(bell, port)
    except OSError:
        return


def _knock(bell: socket.socket, port: int) -> None:
    try:
        bell.sendto(b"\x07", ("127.0.0.1", port))
    except OSError:
        return
