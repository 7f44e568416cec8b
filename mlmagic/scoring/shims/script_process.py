"""``python -m mlmagic.scoring.shims.script_process SCRIPT ARGUMENT...``: runs a script that logs to a run.

It is for environments without mlmagic. The notebook's environment uses `mlmagic.sdk.script_process`.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from mlmagic.scoring.shims.finder import install

POLL_SECONDS = 0.5


def run_script(script: str, arguments: Sequence[str]) -> None:
    """Run a file as ``__main__``, with its folder on ``sys.path``.

    This process ends when the process that started the run ends.
    """
    threading.Thread(target=_end_with, args=(os.getppid(),), name="mlmagic-parent", daemon=True).start()
    sys.argv = [script, *arguments]
    sys.path.insert(0, str(Path(script).absolute().parent))
    runpy.run_path(script, run_name="__main__")


def _end_with(parent: int) -> None:
    """Kill this process and its children when ``parent`` has ended: nothing collects their results."""
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    install()
    run_script(sys.argv[1], sys.argv[2:])
