"""Handing over the listening socket: an update loses no connection.

When the next revision is ready, it requests the socket over the control socket of the one that serves. Both
then accept from one queue. When the old one stops listening, the connections in the queue go to the new one.
(Two sockets on one port have a queue each, and what waits in a closed one is lost.)
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlmagic.scoring.control import HAND_OVER, Command, Handler, send_command


def handover_handler(listening: socket.socket, handed_over: Callable[[], None]) -> Handler:
    """Handles `HAND_OVER`: sends ``listening``, and calls ``handed_over``."""

    async def send(command: Command) -> tuple[dict[str, Any], list[int]]:
        handed_over()
        return {}, [listening.fileno()]

    return send


def receive_socket(folder: Path, port: int) -> socket.socket | None:
    """The socket of the server that runs in ``folder``; None unless it listens on ``port``."""
    try:
        _, descriptors = send_command(folder, {"do": HAND_OVER})
    except (OSError, ValueError):
        return None
    if not descriptors:
        return None
    received = socket.socket(fileno=descriptors[0])
    if received.getsockname()[1] != port:
        received.close()
        return None
    received.setblocking(False)
    return received
