"""An MLflow model: by `mlflow.pyfunc` where mlflow is installed, else by its flavour's own library.

A scikit-learn model that takes dates is always loaded by scikit-learn.

Takes ``{"data": ...}`` like the others, and the bodies of MLflow's own server: ``dataframe_split``,
``dataframe_records``, ``instances`` and ``inputs``.
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

# What MLflow's own server calls it.
KEYS = ("dataframe_split", "dataframe_records", "instances", "inputs")


class MlflowModel:
    """A model that also takes MLflow's own bodies."""

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
    """`mlflow.pyfunc` with scikit-learn's predict(); a frame that breaks the signature is the client's."""

    def __init__(self, folder: Path) -> None:
        import mlflow

        self._refusal = mlflow.exceptions.MlflowException
        self._model = mlflow.pyfunc.load_model(str(folder))

    def predict(self, data: Any) -> Any:
        try:
            return self._model.predict(data)
        except self._refusal as error:
            raise BadInput(f"The model does not take this: {error.message}") from error


def load(folder: Path) -> MlflowModel:
    """The model below ``folder``."""
    place = folder_with(folder, "MLmodel")
    described = _described(place)
    signature = Signature.of(described)
    flavours = described.get("flavors") or {}
    # MLflow makes nanoseconds of all dates; with pandas 3, models are fitted on microseconds.
    has_dates = "datetime" in signature.types.values() and "sklearn" in flavours
    if find_spec("mlflow") is not None and not has_dates:
        return MlflowModel(TableModel(PyFunc(place), columns=list(signature.types), signature=signature))
    return MlflowModel(_by_flavour(place, flavours, signature))


def _by_flavour(place: Path, flavours: dict[str, Any], signature: Signature) -> ServedModel:
    general = flavours.get("python_function") or {}
    if code := general.get("code"):
        sys.path.insert(0, str(place / code))  # as mlflow does: modules that the model was pickled with
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
        f"the MLflow model has the flavours {', '.join(flavours) or 'none'}, of which none can be loaded "
        f"without mlflow (those that can: {known}): install mlflow"
    )


def _sklearn(place: Path, flavour: dict[str, Any]) -> Any:
    file = place / flavour["pickled_model"]
    if file.suffix != ".skops":
        import joblib

        return joblib.load(file)
    # What MLflow stores since version 3.17: no pickle, and only types that were named as trusted are made.
    try:
        import skops.io
    except ImportError:
        raise ValueError(
            f"{file.name} was stored by skops, which is not installed: pip install skops"
        ) from None
    return skops.io.load(file, trusted=flavour.get("skops_trusted_types"))


def _described(place: Path) -> dict[str, Any]:
    """MLmodel, as a dict."""
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
