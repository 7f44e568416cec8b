"""A compiled model for each test."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import pytest

from mlmagic.engine.compilation.compiler import compile_model
from mlmagic.scoring.compiled.hooks import install, uninstall

from .result import Compiled


@pytest.fixture
def compiled(tmp_path: Path) -> Iterator[Callable[..., Compiled]]:
    """Compiles an estimator, and loads its file as a script would."""

    def compile_it(make: Callable[[], Any], sample: Any = None) -> Compiled:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            original = make()
        file, into = tmp_path / "models" / "model.pkl", tmp_path / "compiled" / "model.pkl"
        file.parent.mkdir()
        into.mkdir(parents=True)
        joblib.dump(original, file)
        result = compile_model(file, sample, into)
        install(tmp_path / "compiled")
        return Compiled(result, original, joblib.load(file), into)

    yield compile_it
    uninstall()
