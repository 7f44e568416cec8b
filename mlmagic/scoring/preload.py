"""Libraries that are imported before a fork, so that the processes share them and start in milliseconds."""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
import threading
from collections.abc import Sequence


def preload(modules: Sequence[str]) -> list[str]:
    """Import those that can be imported; the script reports the others, in its own process."""
    before = len(sys.modules)
    done = []
    for name in modules:
        with contextlib.suppress(BaseException):
            importlib.import_module(name)
            done.append(name)
    if len(sys.modules) > before:
        # What is there now is shared with the forks for as long as no collector touches it.
        gc.collect()
        gc.freeze()
    return done


def other_threads() -> list[str]:
    """The threads that libraries have started: a lock that one of them holds at a fork is held for ever."""
    return [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]


def forget_chance() -> None:
    """Processes forked from one must not draw the same random numbers (Python's own do not)."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "random"):
        numpy.random.seed()
