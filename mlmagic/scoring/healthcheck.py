"""``python -m mlmagic.scoring.healthcheck PORT``: exit code 0 if the server here answers."""

from __future__ import annotations

import ssl
import sys
from urllib.error import URLError
from urllib.request import urlopen


def is_healthy(port: int, timeout: float = 4.0) -> bool:
    """Ask ``GET /`` here, with TLS where it speaks that; the certificate is for others to check."""
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    for scheme in ("http", "https"):
        try:
            with urlopen(f"{scheme}://127.0.0.1:{port}/", timeout=timeout, context=unchecked) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            continue
    return False


if __name__ == "__main__":
    sys.exit(0 if is_healthy(int(sys.argv[1])) else 1)
