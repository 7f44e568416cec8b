"""Curated environments: minimal, pinned, available in every workspace by name, and immutable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CURATED_PREFIX = "mlmagic-"
_NUMPY = "numpy==2.4.6"


def _curated(name: str, *lines: str) -> Mapping[str, Any]:
    dependencies = {"name": name, "channels": [], "dependencies": [{"pip": list(lines)}]}
    return {"name": name, "version": "1", "python": {"condaDependencies": dependencies}}


CURATED: Mapping[str, Mapping[str, Any]] = {
    record["name"]: record
    for record in (
        _curated(
            "mlmagic-sklearn",
            *(_NUMPY, "scipy==1.17.1", "scikit-learn==1.9.1", "joblib==1.6.0", "threadpoolctl==3.8.0"),
            # What Azure ML v1's own image for scikit-learn has besides. sklearn-pandas does not declare six.
            *("pandas==3.1.1", "dill==0.4.1", "sklearn-pandas==2.2.0", "six==1.17.0"),
        ),
        _curated("mlmagic-onnx", _NUMPY, "onnxruntime==1.31.1"),
        # Without CUDA: 200 MB instead of 3 GB.
        _curated(
            "mlmagic-pytorch",
            *("--extra-index-url https://download.pytorch.org/whl/cpu", _NUMPY, "torch==2.15.0"),
        ),
    )
}
"""The curated environments by name, as Azure ML v1's JSON; all have version 1."""

AZURE_PREFIX = "azureml-"
_STAND_INS = (
    ("sklearn", CURATED["mlmagic-sklearn"]),
    ("scikit-learn", CURATED["mlmagic-sklearn"]),
    ("tutorial", CURATED["mlmagic-sklearn"]),
    ("onnx", CURATED["mlmagic-onnx"]),
    ("pytorch", CURATED["mlmagic-pytorch"]),
    ("tensorflow", _curated("", "tensorflow")),
    ("xgboost", _curated("", "xgboost", "scikit-learn")),
    ("lightgbm", _curated("", "lightgbm", "scikit-learn")),
    ("minimal", {"version": "1"}),
)
"""What Azure ML v1's own environments are called after, and the environment that stands for them here."""


def stand_in(name: str) -> Mapping[str, Any] | None:
    """The environment for one that Azure ML v1 brings along, such as ``AzureML-sklearn-1.0-...``; or None.

    Their images are Azure's, and hold Pythons that are too old for the scoring server.
    """
    if not name.lower().startswith(AZURE_PREFIX):
        return None
    rest = name.lower().removeprefix(AZURE_PREFIX)
    found = next((record for word, record in _STAND_INS if rest.startswith(word)), None)
    return None if found is None else {**found, "name": name}
