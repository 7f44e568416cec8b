"""``python -m mlmagic.scoring.shims.script_process SCRIPT ARGUMENT...``: runs a script that logs to a run.

For environments without mlmagic; in the notebook's environment it is `mlmagic.sdk.script_process`.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from mlmagic.scoring.shims.finder import install


def run_script(script: str, arguments: Sequence[str]) -> None:
    """Run a file as ``__main__``, with its folder on ``sys.path``."""
    sys.argv = [script, *arguments]
    sys.path.insert(0, str(Path(script).absolute().parent))
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    install()
    run_script(sys.argv[1], sys.argv[2:])
