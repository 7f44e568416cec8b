"""XGBoost: model files of a `Booster`, and pickles of a `Booster` or of XGBoost's scikit-learn classes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mlmagic.scoring.frameworks.serving import PICKLES, entry, one_file
from mlmagic.scoring.frameworks.tables import TableModel

NATIVE = (".json", ".ubj", ".xgb", ".model", ".bst")


class Predictor:
    """A `Booster` with the predict() of scikit-learn."""

    def __init__(self, booster: Any) -> None:
        self._booster = booster
        self._names = booster.feature_names

    def predict(self, data: Any) -> Any:
        import xgboost

        return self._booster.predict(xgboost.DMatrix(data, feature_names=self._names))


def model_of(found: Any) -> TableModel:
    """Return the model to serve for a `Booster` or an estimator that has one."""
    # The object of a compiled model does not import XGBoost, and is not a Booster.
    xgboost = sys.modules.get("xgboost")
    if xgboost is None or not isinstance(found, xgboost.Booster):
        return TableModel(found)
    return TableModel(Predictor(found), columns=found.feature_names, width=found.num_features())


def load(folder: Path) -> TableModel:
    """Load the model in ``folder``."""
    path = one_file(folder, [*NATIVE, *PICKLES])
    if not path.name.endswith(PICKLES):
        import xgboost

        return model_of(xgboost.Booster(model_file=str(path)))
    import joblib

    return model_of(joblib.load(path))


init, run = entry(load)
