"""The end of a server's process, even if the script has left threads behind that do not end."""

from __future__ import annotations

import atexit
import contextlib
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
    """Exit with ``code``, whatever still runs.

    What Python does at its exit is done here (waiting for threads, functions of `atexit`), and what libraries
    written in C do at theirs is left out: in a process that was forked from a zygote, some of them wait for
    threads that the fork has not copied (onnxruntime 1.32).
    """
    exit_within(EXIT_PATIENCE_S, code)
    try:
        # As multiprocessing ends its processes.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # nobody reads it any more
                stream.flush()
        os._exit(code)
