"""The end of a server's process, even if the script has left threads behind that do not end."""

from __future__ import annotations

import os
import sys
import threading
from typing import NoReturn

EXIT_PATIENCE_S = 2.0


def exit_within(seconds: float, code: int) -> None:
    """End this process with ``code`` if it has not ended by itself in ``seconds``."""
    timer = threading.Timer(seconds, os._exit, [code])
    timer.daemon = True
    timer.start()


def leave(code: int) -> NoReturn:
    """Exit with ``code``, whatever still runs."""
    exit_within(EXIT_PATIENCE_S, code)
    sys.exit(code)
