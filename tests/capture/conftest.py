"""A real IPython shell to capture from, and a clean interpreter to run captured scripts in."""

from __future__ import annotations

import linecache
import os
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

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


@pytest.fixture(scope="session")
def shell() -> Iterator[InteractiveShell]:
    main = sys.modules["__main__"]
    config = Config()
    config.HistoryManager.enabled = False
    yield InteractiveShell(config=config)
    sys.modules["__main__"] = main


@pytest.fixture
def notebook(shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    monkeypatch.setitem(sys.modules, "__main__", shell.user_module)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    for name in [name for name in shell.user_ns if not name.startswith("__")]:
        del shell.user_ns[name]
    shell.init_user_ns()
    shell.compile.reset_compiler_flags()
    linecache.clearcache()
    yield Notebook(shell, tmp_path)
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(os.fspath(tmp_path)):
            del sys.modules[name]
