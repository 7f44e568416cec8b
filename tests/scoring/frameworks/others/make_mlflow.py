"""A classifier with named columns, saved by mlflow."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression


def make(folder: Path) -> None:
    rows = pd.DataFrame({"a": [0.0, 1, 2, 3], "b": [1.0, 0, 5, 4]})
    model = LogisticRegression().fit(rows, [0, 0, 1, 1])
    mlflow.sklearn.save_model(
        model,
        folder / "model",
        signature=infer_signature(rows, model.predict(rows)),
        serialization_format="cloudpickle",
    )
