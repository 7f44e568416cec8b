"""Notebooks that were run: what their cells gave."""

from __future__ import annotations

import json
from pathlib import Path

QUICKSTART = Path(__file__).parents[2] / "notebooks/quickstart.ipynb"


def scores_of(path: Path) -> list[object]:
    """What the cells with %score gave."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    scoring = [cell for cell in cells if "".join(cell["source"]).startswith("%score ")]
    return [
        output["data"]["text/plain"]
        for cell in scoring
        for output in cell["outputs"]
        if output["output_type"] == "execute_result"
    ]
