"""MLflow models: loaded with `mlflow.pyfunc` where mlflow is installed, else with the library of the flavour.

scikit-learn models that take dates are always loaded with scikit-learn.

The body is ``{"data": ...}`` as for other models, or a body of MLflow's own server: ``dataframe_split``,
``dataframe_records``, ``instances`` or ``inputs``.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlmagic.scoring.frameworks.mlflow_signature import Signature
from mlmagic.scoring.frameworks.serving import DATA, ServedModel, entry, folder_with
from mlmagic.scoring.frameworks.tables import TableModel
from mlmagic.scoring.http.request import BadInput
from mlmagic.scoring.inputs.bodies import Whole

# The keys of the input in the bodies of MLflow's own server.
KEYS = ("dataframe_split", "dataframe_records", "instances", "inputs")


class MlflowModel:
    """A model that also takes the bodies of MLflow's own server."""

    def __init__(self, model: ServedModel) -> None:
        self._model = model
        self.unstackable = model.unstackable
        self.parse = model.parse
        self.predict = model.predict
        self.learn = model.learn
        self.describe = model.describe

    def read(self, values: dict[str, Any] | Whole) -> dict[str, Any]:
        if isinstance(values, dict):
            for key in KEYS:
                if key in values:
                    values = {DATA: values[key]}
                    break
        return self._model.read(values)


class PyFunc:
    """A model of `mlflow.pyfunc` as an estimator. Input that violates the signature raises `BadInput`."""

    def __init__(self, folder: Path) -> None:
        import mlflow

        self._refusal = mlflow.exceptions.MlflowException
        self._model = mlflow.pyfunc.load_model(str(folder))

    def predict(self, data: Any) -> Any:
        try:
            return self._model.predict(data)
        except self._refusal as error:
            raise BadInput(f"The model rejects the input: {error.message}") from error


def load(folder: Path) -> MlflowModel:
    """Load the model below ``folder``."""
    place = folder_with(folder, "MLmodel")
    described = _described(place)
    signature = Signature.of(described)
    flavours = described.get("flavors") or {}
    # MLflow converts dates to nanoseconds, but with pandas 3 models are fitted on microseconds.
    has_dates = "datetime" in signature.types.values() and "sklearn" in flavours
    if find_spec("mlflow") is not None and not has_dates:
        return MlflowModel(TableModel(PyFunc(place), columns=list(signature.types), signature=signature))
    return MlflowModel(_by_flavour(place, flavours, signature))


def _by_flavour(place: Path, flavours: dict[str, Any], signature: Signature) -> ServedModel:
    general = flavours.get("python_function") or {}
    if code := general.get("code"):
        sys.path.insert(0, str(place / code))  # modules that the pickle needs; mlflow does the same
    if "sklearn" in flavours:
        return TableModel(
            _sklearn(place, flavours["sklearn"]),
            columns=list(signature.types) or None,
            signature=signature,
            method=general.get("predict_fn"),
        )
    for flavour, module, key in _NATIVE:
        if flavour in flavours:
            from importlib import import_module

            loaded: ServedModel = import_module(f"{__package__}.{module}").load(
                place / flavours[flavour][key]
            )
            return loaded
    known = ", ".join(["sklearn", *(flavour for flavour, _, _ in _NATIVE)])
    raise ValueError(
        f"the MLflow model has the flavours {', '.join(flavours) or 'none'}, and none of them can be loaded "
        f"without mlflow (only {known} can): pip install mlflow"
    )


def _sklearn(place: Path, flavour: dict[str, Any]) -> Any:
    file = place / flavour["pickled_model"]
    if file.suffix != ".skops":
        import joblib

        return joblib.load(file)
    # Since version 3.17 MLflow stores this file, not a pickle. Only the types listed as trusted are loaded.
    try:
        import skops.io
    except ImportError:
        raise ValueError(
            f"{file.name} is a file of skops, which is not installed: pip install skops"
        ) from None
    return skops.io.load(file, trusted=flavour.get("skops_trusted_types"))


def _described(place: Path) -> dict[str, Any]:
    """Return the content of the file MLmodel."""
    import yaml

    found: dict[str, Any] = yaml.safe_load((place / "MLmodel").read_text(encoding="utf-8")) or {}
    return found


_NATIVE = (
    ("xgboost", "xgboost", "data"),
    ("lightgbm", "lightgbm", "data"),
    ("onnx", "onnx", "data"),
    ("pytorch", "pytorch", "model_data"),
)

init, run = entry(load)
