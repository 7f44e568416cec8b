"""Pickled scikit-learn estimators, and entry scripts as in the documents of Azure ML v1."""

from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np

SERVES_RIDGE = """
import json
import os
import sys

import joblib
import numpy
from sklearn.linear_model import Ridge


def init():
    global model
    model = joblib.load(os.path.join(os.getenv("AZUREML_MODEL_DIR"), "ridge.pkl"))


def run(raw_data):
    data = numpy.array(json.loads(raw_data)["data"])
    return {"result": model.predict(data).tolist(), "scikit-learn": "sklearn" in sys.modules}
"""
"""Also answers whether its process has imported scikit-learn."""
ROWS = np.array([[0.0, 1.0], [2.0, 1.0], [3.0, 5.0], [4.0, 0.0], [1.0, 1.0]])
BODY = {"data": [[1.0, 2.0], [3.0, 4.0]]}


class Unusual:
    """What cannot be compiled: no estimator at all."""

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return rows.sum(axis=1)


def ridge(folder: Path) -> Path:
    """The pickle of a ridge regression in ``folder``."""
    from sklearn.linear_model import Ridge

    file = folder / "ridge.pkl"
    joblib.dump(Ridge(alpha=0.1).fit(ROWS, ROWS @ [2.0, 1.0] + 1.0), file)
    return file


def unusual(folder: Path) -> Path:
    """The pickle, in ``folder``, of a model that cannot be compiled."""
    file = folder / "unusual.pkl"
    joblib.dump(Unusual(), file)
    return file


def expected(file: Path) -> list[float]:
    """What the model in ``file`` answers to `BODY`."""
    return [float(each) for each in joblib.load(file).predict(np.array(BODY["data"]))]
