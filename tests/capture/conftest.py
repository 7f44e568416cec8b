"""A real IPython shell to capture from, and a clean interpreter to run captured scripts in."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from tests.support.notebooks import Notebook


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
