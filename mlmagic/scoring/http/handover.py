"""Handing the listening socket over: how an update loses no connection.

The next revision asks for the socket at the door of the one that serves, when it is ready to serve itself.
Both then accept from one queue, and when the old one stops listening, those who wait in it are the new
one's. (Two sockets on one port have a queue each, and what waits in a closed one is lost.)
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from mlmagic.scoring.door import HAND_OVER, Handler, Order, knock


def giver(listening: socket.socket) -> Handler:
    """The handler that gives ``listening`` away."""

    async def give(order: Order) -> tuple[dict[str, Any], list[int]]:
        return {}, [listening.fileno()]

    return give


def take(folder: Path, port: int) -> socket.socket | None:
    """The socket of the server that runs in ``folder``, if it gives one that listens on ``port``."""
    try:
        _, descriptors = knock(folder, {"do": HAND_OVER})
    except (OSError, ValueError):
        return None
    if not descriptors:
        return None
    taken = socket.socket(fileno=descriptors[0])
    if taken.getsockname()[1] != port:
        taken.close()
        return None
    taken.setblocking(False)
    return taken
