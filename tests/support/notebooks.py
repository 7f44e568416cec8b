"""A notebook to capture scripts from."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from mlmagic.capture.script import CapturedScript, capture

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
        path = folder / script.file_name
        path.write_text(script.source, encoding="utf-8")
        main, served = sys.modules["__main__"], ModuleType("__main__")
        served.__file__ = str(path)
        sys.modules["__main__"] = served
        try:
            exec(compile(script.source, str(path), "exec", dont_inherit=True), vars(served))
            served.init()
            return served.run(data)
        finally:
            sys.modules["__main__"] = main
