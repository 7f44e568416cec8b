"""``python -m mlmagic.scoring.healthcheck PORT``: exit code 0 if the server of this container is healthy.

For images, which may have no other HTTP client. It imports next to nothing: it runs every few seconds.
"""

from __future__ import annotations

import socket
import ssl
import sys

PATIENCE_S = 8.0
_QUESTION = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def answers(port: int) -> bool:
    """Whether ``GET /`` on this machine is answered with 200, with or without TLS."""
    return any(_asked(port, tls) for tls in (False, True))


def _asked(port: int, tls: bool) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as plain:
            if not tls:
                return _is_fine(plain)
            context = ssl.create_default_context()
            # The address is in no certificate, and nothing secret is sent: only the health is checked.
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(plain) as secret:
                return _is_fine(secret)
    except OSError:
        return False


def _is_fine(connection: socket.socket) -> bool:
    connection.sendall(_QUESTION)
    return connection.recv(64).startswith(b"HTTP/1.1 200")


if __name__ == "__main__":
    sys.exit(0 if answers(int(sys.argv[1])) else 1)
