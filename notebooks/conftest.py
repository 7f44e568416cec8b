"""Notebooks as tests: `pytest --nbval-lax --nbval-current-env notebooks`.

Cells tagged ``nbval-check-output`` must give the outputs they are saved with, but for what ``sanitize.cfg``
names. The workspace is a new one, unless MLMAGIC_WORKSPACE says which.
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
        # A blank and letters beyond ASCII: such folders are nothing special.
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
    """A notebook that failed half-way has left its services running."""
    from contextlib import closing

    from mlmagic import Engine

    with closing(Engine()) as engine:
        for name in engine.services.names():
            engine.services.delete(name)
