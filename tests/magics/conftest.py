"""A real shell with the magics loaded, over an engine on the fake target."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from mlmagic.engine.engine import Engine
from mlmagic.magics.session import MLMagic

# The fake target whose services answer, and a supervisor that looks often.
from tests.engine.conftest import _impatient, answering, fake, fake_engine  # noqa: F401

SCRIPT = "def init():\n    pass\n\ndef run(data):\n    return data\n"


class TestingShell(InteractiveShell):
    """Raises what a cell raised, and keeps what it displayed."""

    __test__ = False
    stdout = ""

    def run_cell(self, raw_cell: str, *args: Any, **kwargs: Any) -> Any:
        with capture_output() as captured:
            result = super().run_cell(raw_cell, *args, **kwargs)
        self.stdout = captured.stdout
        self.outputs = captured.outputs
        result.raise_error()
        return result.result

    def refuses(self, cell: str, error: type[Exception], words: str) -> None:
        """Running ``cell`` raises ``error``, one line with ``words`` in it, and shows nothing."""
        with pytest.raises(error) as caught:
            self.run_cell(cell)
        assert words in str(caught.value), cell
        assert "\n" not in str(caught.value), cell
        # All that the cell prints is the error: no stack of ours.
        assert self.stdout == f"{type(caught.value).__name__}: {caught.value}\n", cell
        assert self.outputs == [], cell

    def shown(self) -> str:
        """All that the last cell displayed, as text."""
        return "\n".join(str(output.data.get("text/plain", "")) for output in self.outputs)


@pytest.fixture
def bare_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestingShell]:
    monkeypatch.chdir(tmp_path)
    TestingShell.clear_instance()
    settings = Config()
    settings.HistoryManager.hist_file = ":memory:"
    shell = TestingShell.instance(config=settings)
    yield shell
    shell.restore_sys_module_state()
    shell.history_manager.end_session()
    # Each would tidy up once more when Python ends, which takes longer than all the tests.
    atexit.unregister(shell.atexit_operations)
    TestingShell.clear_instance()


@pytest.fixture
def shell(bare_shell: TestingShell) -> Iterator[TestingShell]:
    bare_shell.extension_manager.load_extension("mlmagic")
    yield bare_shell
    bare_shell.extension_manager.unload_extension("mlmagic")


@pytest.fixture
def session(shell: TestingShell, fake_engine: Engine) -> MLMagic:  # noqa: F811
    """The magics' own session, on the fake target."""
    found = next(one for one in shell.configurables if isinstance(one, MLMagic))
    found.use(fake_engine)
    found.target = "fake"
    return found
