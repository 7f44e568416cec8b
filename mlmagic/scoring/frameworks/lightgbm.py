"""LightGBM: text files of a `Booster`, and pickles of a `Booster` or of LightGBM's scikit-learn classes."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mlmagic.scoring.frameworks.serving import PICKLES, entry, one_file
from mlmagic.scoring.frameworks.tables import TableModel

NATIVE = (".txt", ".lgb", ".model")
# LightGBM names columns without a name like this.
_UNNAMED = re.compile(r"Column_\d+")


def model_of(found: Any) -> TableModel:
    """Return the model to serve for a `Booster` or an estimator that has one."""
    # The object of a compiled model does not import LightGBM, and is not a Booster.
    lightgbm = sys.modules.get("lightgbm")
    if lightgbm is not None and isinstance(found, lightgbm.Booster):
        names, width = found.feature_name(), found.num_feature()
    else:
        names, width = found.feature_name_, found.n_features_in_
    if all(_UNNAMED.fullmatch(name) for name in names):
        names = []
    return TableModel(found, columns=names, width=width)


def load(folder: Path) -> TableModel:
    """Load the model in ``folder``."""
    path = one_file(folder, [*NATIVE, *PICKLES])
    if not path.name.endswith(PICKLES):
        import lightgbm

        return model_of(lightgbm.Booster(model_file=str(path)))
    import joblib

    return model_of(joblib.load(path))


init, run = entry(load)
