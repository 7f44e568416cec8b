"""scikit-learn, and other pickled models with its methods: ``{"data": [[...]], "method": "predict"}``.

The default of ``method`` is predict_proba as in Azure ML v1; predict or transform for a model without it.
"""

from __future__ import annotations

from pathlib import Path

import joblib

from mlmagic.scoring.frameworks.serving import PICKLES, entry, one_file
from mlmagic.scoring.frameworks.tables import TableModel


def load(folder: Path) -> TableModel:
    """Load the pickle in ``folder``."""
    return TableModel(joblib.load(one_file(folder, PICKLES)))


init, run = entry(load)
