"""A store that fsspec reaches over a network, with nothing else installed: a folder behind an FTP server."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it is built on asyncore
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import FTPServer

USER, PASSWORD = "collector", "let-me-in"


@contextmanager
def ftp_store(folder: Path, address: str) -> Iterator[str]:
    """Serve ``folder`` at a free port of an address of this machine; yields its URL."""
    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, str(folder), perm="elradfmw")
    handler = type("Handler", (FTPHandler,), {"authorizer": authorizer})
    server = FTPServer((address, 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"handle_exit": False}, daemon=True)
    thread.start()
    try:
        port = server.socket.getsockname()[1]
        yield f"ftp://{USER}:{PASSWORD}@{address}:{port}/"
    finally:
        server.close_all()
        thread.join(10)
