"""Server processes with unmodified scripts, whose models are compiled: scikit-learn is not imported."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.support.started_server import Started

from .models import Models, X, estimators

pytestmark = pytest.mark.processes

DOCUMENTED = """
import json
import numpy as np
from sklearn.externals import joblib
from sklearn.linear_model import Ridge
from azureml.core.model import Model

def init():
    global model
    # note here "ridge" is the name of the model registered under the workspace
    # this call should return the path to the model.pkl file on the local disk.
    model_path = Model.get_model_path(model_name='ridge')
    # deserialize the model file back into a sklearn model
    model = joblib.load(model_path)

# note you can pass in multiple rows for scoring
def run(raw_data):
    try:
        data = json.loads(raw_data)['data']
        data = np.array(data)
        result = model.predict(data)
        # you can return any data type as long as it is JSON-serializable
        return result.tolist()
    except Exception as e:
        error = str(e)
        return error
"""
"""The script of the Azure ML v1 documents for a Ridge model."""

WITH_PICKLE = """
import json, os, pickle
from sklearn.linear_model import Ridge

with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.pkl"), "rb") as file:
    model = pickle.load(file)

def init():
    print(type(model), model)

def run(data):
    return model.predict(json.loads(data)["data"])
"""

NO_CODE = "from mlmagic.scoring.frameworks.{} import init, run"
LIBRARIES = ("sklearn", "scipy", "xgboost", "lightgbm", "onnxruntime", "msgspec")
"""Of these, only onnxruntime is needed: msgspec reads typed inputs."""


@pytest.fixture
def start(models: Models, tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Starts a server with the model ``name``."""
    started = []

    def begin(script: str, name: str = "ridge", *arguments: str) -> Started:
        folder = str(models.file(name).parent)
        server = Started(
            *(tmp_path, "--model-dir", folder, *arguments),
            script=script,
            MLMAGIC_COMPILED_MODELS=str(models.compiled),
        )
        started.append(server)
        return server.up()

    yield begin
    for server in started:
        assert server.stop() == 0


def libraries(server: Started) -> set[str]:
    """The packages of which a process of the server has loaded a library."""
    group = os.getpgid(server.report().pid)
    found = set[str]()
    for process in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):  # others end meanwhile
            if os.getpgid(int(process)) == group:
                maps = Path(f"/proc/{process}/maps").read_text()
                found |= {name for name in LIBRARIES if f"/{name}/" in maps}
    return found


@pytest.mark.parametrize("script", [DOCUMENTED, WITH_PICKLE], ids=["documented", "pickle"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_unmodified_script_is_served_without_scikit_learn(
    script: str, workers: str, start: Callable[..., Started]
) -> None:
    server = start(script, "ridge", *(["--workers", workers] if workers != "1" else []))
    expected = estimators()["ridge"].predict(X[:5]).tolist()
    for _ in range(8):
        assert server.score(json_of(X[:5])).json() == pytest.approx(expected, rel=1e-12)
    assert libraries(server) == {"onnxruntime"}


def test_bad_input_is_the_error_of_the_estimator(start: Callable[..., Started]) -> None:
    server = start(DOCUMENTED)
    assert server.score('{"data": [[1, 2]]}').json() == (
        "X has 2 features, but Ridge is expecting 10 features as input."
    )
    assert "sklearn" in libraries(server)
    assert "loads its original for an input of predict() that is not compiled" in server.log.read_text()
    assert len(server.score(json_of(X[:5])).json()) == 5


@pytest.mark.parametrize(
    ("framework", "name", "methods"),
    [
        ("scikit_learn", "pipeline", ("predict", "predict_proba", "decision_function")),
        ("xgboost", "xgboost", ("predict",)),
        ("lightgbm", "lightgbm", ("predict", "predict_proba")),
    ],
)
def test_a_model_without_a_script(
    framework: str, name: str, methods: tuple[str, ...], start: Callable[..., Started]
) -> None:
    server = start(NO_CODE.format(framework), name)
    original = estimators()[name]
    rows = X[:5].tolist()
    for method in methods:
        answer = server.score(json_of(X[:5], method)).json()
        expected = getattr(original, method)(rows)
        assert answer == expected.tolist() if expected.dtype.kind == "U" else close(answer, expected)
    assert server.score('{"data": [[1, 2]]}').status_code == 400
    assert libraries(server) == {"onnxruntime"}


def test_without_compiled_models_it_is_the_estimator(tmp_path: Path, models: Models) -> None:
    server = Started(tmp_path, "--model-dir", str(models.file("ridge").parent), script=WITH_PICKLE).up()
    try:
        assert "sklearn" in libraries(server)
    finally:
        server.stop()


def close(answer: Any, expected: Any) -> bool:
    return bool(numpy.allclose(answer, expected, rtol=1e-6))


def json_of(rows: Any, method: str = "") -> str:
    return json.dumps({"data": rows.tolist(), **({"method": method} if method else {})})
