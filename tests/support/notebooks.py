"""A notebook to capture scripts from."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from mlmagic.capture import CapturedScript, capture

ENTRY = "def init():\n    pass\n\ndef run(data):\n    return {0}\n"


class Notebook:
    """Runs cells as a kernel does, and captures from what they left."""

    def __init__(self, shell: InteractiveShell, folder: Path) -> None:
        self.shell, self.folder = shell, folder
        self.cells: list[str] = []
        self.remember = True

    def run(self, *cells: str) -> Notebook:
        for cell in cells:
            self.shell.run_cell(cell, store_history=True).raise_error()
            self.cells.append(cell)
        return self

    @property
    def names(self) -> dict[str, Any]:
        return self.shell.user_ns

    def capture(self, cell: str, **options: Any) -> CapturedScript:
        """Capture a cell, or an expression that ``run`` returns."""
        cell = cell if "\n" in cell else ENTRY.format(cell)
        history = self.cells if self.remember else ()
        return capture("svc", cell, self.names, history=history, **options)

    def answer(self, cell: str, data: Any = None, **options: Any) -> Any:
        """What the captured script answers, away from the notebook."""
        return self.serve(self.capture(cell, **options), data)

    def serve(self, script: CapturedScript, data: Any = None) -> Any:
        folder = self.folder / "service"
        folder.mkdir(exist_ok=True)
        for place, path in script.assets.items():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_bytes(Path(path).read_bytes())
        (folder / script.file_name).write_text(script.source, encoding="utf-8")
        main = sys.modules["__main__"]
        found = runpy.run_path(str(folder / script.file_name), run_name="__main__")
        # runpy empties the module it ran in; what it returns lives on.
        functions = found["init"].__globals__
        functions.update(found)
        try:
            functions["init"]()
            return functions["run"](data)
        finally:
            sys.modules["__main__"] = main
