"""LightGBM: its own text files, by `Booster`; and pickles, of a Booster or of its scikit-learn classes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import lightgbm

from mlmagic.scoring.frameworks.serving import PICKLES, entry, one_file
from mlmagic.scoring.frameworks.tables import TableModel

NATIVE = (".txt", ".lgb", ".model")
# The names it gives to columns that have none.
_UNNAMED = re.compile(r"Column_\d+")


def model_of(found: Any) -> TableModel:
    """A Booster, or an estimator that has one, to be served."""
    booster = found if isinstance(found, lightgbm.Booster) else found.booster_
    names = booster.feature_name()
    if all(_UNNAMED.fullmatch(name) for name in names):
        names = []
    return TableModel(found, columns=names, width=booster.num_feature())


def load(folder: Path) -> TableModel:
    """The model in ``folder``."""
    path = one_file(folder, [*NATIVE, *PICKLES])
    if not path.name.endswith(PICKLES):
        return model_of(lightgbm.Booster(model_file=str(path)))
    import joblib

    return model_of(joblib.load(path))


init, run = entry(load)
