"""A compiled model: its original, and what a script gets for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from mlmagic.core.compilation import Compilation


class Compiled(NamedTuple):
    result: Compilation
    original: Any
    loaded: Any
    folder: Path
