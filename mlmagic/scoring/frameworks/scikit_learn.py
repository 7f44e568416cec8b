"""scikit-learn, or whatever is pickled and predicts like it: ``{"data": [[...]], "method": "predict"}``.

Without ``method``: predict_proba where the model has it, as documented; else predict; else transform.
"""

from __future__ import annotations

from pathlib import Path

import joblib

from mlmagic.scoring.frameworks.serving import PICKLES, entry, one_file
from mlmagic.scoring.frameworks.tables import TableModel


def load(folder: Path) -> TableModel:
    """The pickle in ``folder``."""
    return TableModel(joblib.load(one_file(folder, PICKLES)))


init, run = entry(load)
