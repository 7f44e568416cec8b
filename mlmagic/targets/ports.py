"""Ports of this machine."""

from __future__ import annotations

import socket


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens there now; True where that is not ours to try."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return True  # the server will say so in its own words
        except OSError:
            return False
    return True
