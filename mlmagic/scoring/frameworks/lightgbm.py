"""LightGBM: text files of a `Booster`, and pickles of a `Booster` or of LightGBM's scikit-learn classes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import lightgbm

from mlmagic.scoring.frameworks.serving import PICKLES, entry, one_file
from mlmagic.scoring.frameworks.tables import TableModel

NATIVE = (".txt", ".lgb", ".model")
# LightGBM names columns without a name like this.
_UNNAMED = re.compile(r"Column_\d+")


def model_of(found: Any) -> TableModel:
    """Return the model to serve for a `Booster` or an estimator that has one."""
    booster = found if isinstance(found, lightgbm.Booster) else found.booster_
    names = booster.feature_name()
    if all(_UNNAMED.fullmatch(name) for name in names):
        names = []
    return TableModel(found, columns=names, width=booster.num_feature())


def load(folder: Path) -> TableModel:
    """Load the model in ``folder``."""
    path = one_file(folder, [*NATIVE, *PICKLES])
    if not path.name.endswith(PICKLES):
        return model_of(lightgbm.Booster(model_file=str(path)))
    import joblib

    return model_of(joblib.load(path))


init, run = entry(load)
