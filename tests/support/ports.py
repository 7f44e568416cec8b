"""Ports of this machine."""

from __future__ import annotations

import socket


def unused_port() -> int:
    """A port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
