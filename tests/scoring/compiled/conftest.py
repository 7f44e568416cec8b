"""Compiled models for each test."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

import joblib
import pytest

from mlmagic.engine.compilation.compiler import compile_model
from mlmagic.scoring.compiled.hooks import install, uninstall

from .models import Models, estimators


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Compiled once for all tests."""
    folder = tmp_path_factory.mktemp("models")
    found = Models(folder / "models", folder / "compiled")
    for name, estimator in estimators().items():
        for each in (found.file(name).parent, found.folder(name)):
            each.mkdir(parents=True)
        # The one is a pickle, the other has arrays that only joblib reads.
        if name == "ridge":
            found.file(name).write_bytes(pickle.dumps(estimator))
        else:
            joblib.dump(estimator, found.file(name))
        assert compile_model(found.file(name), None, found.folder(name)).is_compiled
    return found


@pytest.fixture
def models(made: Models, tmp_path: Path) -> Iterator[Models]:
    """A copy of the test's own, and `joblib.load` and `pickle.load` as a service has them."""
    found = Models(tmp_path / "models", tmp_path / "compiled")
    shutil.copytree(made.models, found.models)
    shutil.copytree(made.compiled, found.compiled)
    install(found.compiled)
    yield found
    uninstall()
