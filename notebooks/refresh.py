"""Run guides and save their outputs: `python notebooks/refresh.py [NAME.ipynb ...]` (default: all).

The workspace is a new one. In the saved outputs its folder has the name that Binder gives it. Live widgets
need a running kernel, so only their static form is saved.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
SHOWN_WORKSPACE = "/home/jovyan/.mlmagic"
WIDGET = "application/vnd.jupyter.widget-view+json"


def refresh(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as workspace:
        os.environ["MLMAGIC_WORKSPACE"] = workspace
        NotebookClient(
            notebook,
            timeout=120,
            record_timing=False,
            store_widget_state=False,
            resources={"metadata": {"path": str(FOLDER)}},
        ).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", ())]
    notebook.metadata.language_info = {"name": "python"}
    text = nbformat.writes(notebook, indent=1).replace(workspace, SHOWN_WORKSPACE)
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:] or sorted(FOLDER.glob("*.ipynb"))):
        print(path.name)
        refresh(path)
