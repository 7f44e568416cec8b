"""Processes we start must find this very installation, also when it is a checkout and not installed."""

from __future__ import annotations

import os
from pathlib import Path


def python_path() -> str:
    """PYTHONPATH for such a process: with our own folder where that is a checkout, else as it is here."""
    home = Path(__file__).parents[2]
    parts = [] if home.name in ("site-packages", "dist-packages") else [str(home)]
    return os.pathsep.join(filter(None, [*parts, os.environ.get("PYTHONPATH")]))
