"""A real shell with the magics loaded, over an engine on the fake target."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from pathlib import Path

import pytest
from traitlets.config import Config

from mlmagic.engine.engine import Engine
from mlmagic.magics.session import MLMagic
from tests.support.shells import SCRIPT, TestingShell

# The fake target whose services answer, and a supervisor that looks often.


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
def session(shell: TestingShell, fake_engine: Engine) -> MLMagic:
    """The magics' own session, on the fake target."""
    found = next(one for one in shell.configurables if isinstance(one, MLMagic))
    found.use(fake_engine)
    found.target = "fake"
    return found


@pytest.fixture
def captured(session: MLMagic, shell: TestingShell) -> TestingShell:
    """A notebook with a script and a registered model."""
    shell.run_cell("clf = {}\nm = %register clf --name wine\n")
    shell.run_cell(f"%%score_script wine\n{SCRIPT}")
    return shell
