"""The time limit of a script's start: its import, init() and warm-up."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

EXIT_CODE = 3
MARGIN_S = 5.0
"""So much later the process ends without a report, if the script never lets another thread run."""


@contextlib.contextmanager
def init_limit(seconds: float | None, report: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """End this process if the block takes longer than ``seconds``; None is no limit.

    ``report`` is called before with the record of the error, whose traceback is where the script is then.
    """
    if seconds is None:
        yield
        return
    thread = threading.get_ident()

    def end() -> None:
        error = _record(seconds, sys._current_frames().get(thread))
        print(f"mlmagic: {error['message']}\n{error['traceback']}", file=sys.stderr, flush=True)
        report(error)
        os._exit(EXIT_CODE)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    faulthandler.dump_traceback_later(seconds + MARGIN_S, exit=True, file=2)
    try:
        yield
    finally:
        timer.cancel()
        faulthandler.cancel_dump_traceback_later()


def _record(seconds: float, frame: Any) -> dict[str, Any]:
    stack = traceback.extract_stack(frame) if frame is not None else []
    ours = os.path.dirname(__file__)
    # As for an error that init() raises: from the script on.
    script = next((i for i, each in enumerate(stack) if not _is_internal(each.filename, ours)), 0)
    return {
        "phase": "init",
        "type": "TimeoutError",
        "message": f"the script's import and init() took longer than {seconds:g} s",
        "traceback": "".join(["Where it was then:\n", *traceback.format_list(stack[script:])]),
        "hint": "Raise init_timeout_seconds, or mend what the script waits for.",
    }


def _is_internal(file: str, ours: str) -> bool:
    return file.startswith((ours, "<frozen ")) or file.endswith("runpy.py")
