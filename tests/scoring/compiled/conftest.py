"""A compiled Ridge, a compiled pipeline over a table, and their model files."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy
import pytest

from mlmagic.engine.compilation.compiler import compile_model
from mlmagic.scoring.compiled.hooks import install, uninstall

X = numpy.random.default_rng(3).normal(size=(60, 10))


class Models(NamedTuple):
    """A folder of models, and one of the compiled models."""

    models: Path
    compiled: Path

    def file(self, name: str) -> Path:
        return self.models / name / "1" / "model.pkl"

    def folder(self, name: str) -> Path:
        return self.compiled / name / "1" / "model.pkl"


def estimators() -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    values = X @ numpy.arange(10)
    names = numpy.array(["no", "yes"])[(values > 0).astype(int)]
    return {
        "ridge": Ridge(alpha=0.5).fit(X, values),
        "pipeline": make_pipeline(StandardScaler(), LogisticRegression()).fit(X, names),
    }


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
