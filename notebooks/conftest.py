"""Notebooks as tests: `pytest --nbval-lax --nbval-current-env notebooks`.

A cell with the tag ``nbval-check-output`` must reproduce its saved output, apart from what ``sanitize.cfg``
replaces. All notebooks share one new workspace, unless MLMAGIC_WORKSPACE names another.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

_VARIABLE = "MLMAGIC_WORKSPACE"
_made = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    if getattr(config.option, "nbval_sanitize_with", "absent") is None:
        config.option.nbval_sanitize_with = str(Path(__file__).with_name("sanitize.cfg"))
    if not os.environ.get(_VARIABLE):
        # A folder with a blank and non-ASCII letters must work, too.
        folder = Path(tempfile.mkdtemp(prefix="mlmagic Übungen "))
        config.stash[_made] = folder
        os.environ[_VARIABLE] = str(folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _made not in config.stash:
        return
    folder = config.stash[_made]
    _end_services()
    del os.environ[_VARIABLE]
    shutil.rmtree(folder, ignore_errors=True)


def _end_services() -> None:
    """Delete the services that a failed notebook has left running."""
    from contextlib import closing

    from mlmagic import Engine

    with closing(Engine()) as engine:
        for name in engine.services.names():
            engine.services.delete(name)
