"""Ports of this machine."""

from __future__ import annotations

import socket

from mlmagic.errors import InvalidConfig


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


def check_free(host: str, port: int | None, current_port: int | None) -> None:
    """Raises `InvalidConfig` for a port that somebody else than the service itself listens on."""
    if port is not None and port != current_port and not is_free(host, port):
        raise InvalidConfig(
            "port",
            port,
            "is in use on this machine",
            hint="Name another, or leave it out to get a free one.",
        )
