"""A Ridge and a pipeline: their model files, and the folders of their compiled models."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy

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
    from lightgbm import LGBMClassifier
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from xgboost import XGBRegressor

    values = X @ numpy.arange(10)
    names = numpy.array(["no", "yes"])[(values > 0).astype(int)]
    return {
        "ridge": Ridge(alpha=0.5).fit(X, values),
        "xgboost": XGBRegressor(n_estimators=5).fit(X, values),
        "lightgbm": LGBMClassifier(n_estimators=5, verbose=-1).fit(X, names),
        "pipeline": make_pipeline(StandardScaler(), LogisticRegression()).fit(X, names),
    }
