"""PYTHONPATH for the processes that mlmagic starts: they must import the same mlmagic."""

from __future__ import annotations

import os
from pathlib import Path


def python_path() -> str:
    """This process's PYTHONPATH, with the folder of mlmagic in front if it is a source checkout."""
    home = Path(__file__).parents[2]
    parts = [] if home.name in ("site-packages", "dist-packages") else [str(home)]
    return os.pathsep.join(filter(None, [*parts, os.environ.get("PYTHONPATH")]))
