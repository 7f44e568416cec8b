"""Which framework files are of, told without loading them."""

from __future__ import annotations

import io
import pickle
from collections import Counter, OrderedDict
from typing import Any

import joblib
import numpy as np
import pytest

from mlmagic.engine.models.frameworks import (
    framework_of_head,
    framework_of_modules,
    framework_of_names,
    pickled_package,
)


@pytest.mark.parametrize(
    ("paths", "framework"),
    [
        (["net.onnx"], "Onnx"),
        (["net/model.onnx", "net/weights.bin"], "Onnx"),
        (["sm/saved_model.pb", "sm/variables/variables.index"], "TensorFlow"),
        (["run/MLmodel", "run/model.onnx"], "MLflow"),
        (["net.pt"], "PyTorch"),
        (["net.pt2"], "PyTorch"),
        (["trees.ubj"], "XGBoost"),
        (["model.pkl"], None),
        (["trees.json"], None),
        (["a.onnx", "b.pt"], None),
        ([], None),
    ],
)
def test_by_names(paths: list[str], framework: str | None) -> None:
    assert framework_of_names(paths) == framework


@pytest.mark.parametrize(
    ("modules", "framework"),
    [
        (["sklearn.linear_model._ridge", "numpy.dtypes"], "ScikitLearn"),
        (["xgboost.sklearn", "joblib"], "XGBoost"),
        (["sklearn.pipeline", "xgboost.sklearn"], "ScikitLearn"),
        (["lightgbm.basic"], "LightGBM"),
        (["mine.models"], None),
        ([], None),
    ],
)
def test_by_what_a_pickle_imports(modules: list[str], framework: str | None) -> None:
    assert framework_of_modules(modules) == framework


@pytest.mark.parametrize(
    ("head", "framework"),
    [
        (b"tree\nversion=v4\n", "LightGBM"),
        (b'{"learner":{"attributes":{}', "XGBoost"),
        (b"{L\0\0\0\0\0\0\0\7learner", "XGBoost"),
        (b'{"data": 1}', None),
        (b"\x80\x04\x8c\x1asklearn.linear_model._ridge\x94\x8c\x05Ridge\x94\x93\x94)\x81.", "ScikitLearn"),
        (b"csklearn.svm\nSVC\n.", "ScikitLearn"),
        (b"\x80\x02ccopy_reg\n_reconstructor\n(cxgboost.core\nBooster\n", "XGBoost"),
        (b"not a pickle", None),
        (b"", None),
    ],
)
def test_by_how_a_file_begins(head: bytes, framework: str | None) -> None:
    assert framework_of_head(head) == framework


def _joblib(value: Any) -> bytes:
    file = io.BytesIO()
    joblib.dump(value, file)
    return file.getvalue()


def test_a_pickle_is_read_and_never_run() -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return exec, ("raise SystemExit('it ran')",)

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickled_package(pickle.dumps(OrderedDict(a=1), protocol)) == "collections"
        assert pickled_package(pickle.dumps(Trap(), protocol)) is None
    assert pickled_package(_joblib(Counter())) == "collections"
    # joblib puts raw arrays between the opcodes; what comes before them is enough.
    assert pickled_package(_joblib(OrderedDict(a=np.arange(3)))) == "collections"
