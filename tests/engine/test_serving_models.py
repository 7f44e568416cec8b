"""Models without a script on the local target: real libraries, real processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.model import ModelDescription
from mlmagic.core.webservice import Webservice
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvokeError, ScriptError

pytestmark = pytest.mark.processes

ROWS = np.array([[0.0, 1], [1, 0], [2, 5], [3, 4]], dtype=np.float32)


@pytest.fixture(scope="module")
def classifier() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit(ROWS, [0, 0, 1, 1])


@pytest.fixture(scope="module")
def ridge() -> Any:
    from sklearn.linear_model import Ridge

    return Ridge().fit(ROWS, [0.0, 1, 2, 3])


@pytest.fixture(scope="module")
def graph(classifier: Any) -> Any:
    from skl2onnx import to_onnx

    return to_onnx(classifier, ROWS[:1], options={"zipmap": False})


def _imported(service: Webservice) -> set[str]:
    """Of these libraries; they are mostly compiled code, which is mapped when it is imported."""
    mapped = {each.path for each in psutil.Process(int((service.handle or {})["pid"])).memory_maps()}
    names = ("onnxruntime", "sklearn", "pandas")
    return {name for name in names if any(f"/{name}/" in path for path in mapped)}


def test_a_classifier_is_served_as_documented(engine: Engine, classifier: Any) -> None:
    engine.models.register(classifier, ModelDescription("clf", sample_input=ROWS.tolist()))
    said: list[str] = []
    service = engine.services.wait(engine.services.deploy("svc", ["clf:1"], notify=said.append))
    assert said[0] == "Serving model clf:1 without a script (ScikitLearn)."
    body = {"data": ROWS.tolist()}
    np.testing.assert_allclose(engine.requests.score("svc", body), classifier.predict_proba(ROWS), rtol=1e-5)
    assert engine.requests.score("svc", {**body, "method": "predict"}) == [0, 0, 1, 1]
    with pytest.raises(InvokeError, match=r"returned HTTP 400: .*Expected rows of 2 values, got 3"):
        engine.requests.score("svc", {"data": [[1, 2, 3]]})
    told = requests.get(service.swagger_uri or "", timeout=10).json()
    assert told["definitions"]["ServiceInput"]["example"] == body
    inference = engine.services.revision(service).inference
    assert [pin.partition("==")[0] for pin in inference.requirements][-1] == "scikit-learn"


def test_onnx_imports_neither_scikit_learn_nor_pandas(engine: Engine, classifier: Any, graph: Any) -> None:
    engine.models.register(graph, ModelDescription("net", sample_input=ROWS[:1].tolist()))
    service = engine.services.wait(engine.services.deploy("svc", ["net"]))
    assert engine.requests.score("svc", {"data": ROWS.tolist()})["label"] == [0, 0, 1, 1]
    assert _imported(service) == {"onnxruntime"}
    engine.models.register(classifier, ModelDescription("clf"))
    assert "sklearn" in _imported(engine.services.wait(engine.services.deploy("other", ["clf"])))


def test_an_update_makes_the_script_anew(engine: Engine, classifier: Any, ridge: Any, graph: Any) -> None:
    engine.models.register(classifier, ModelDescription("m"))
    engine.services.wait(engine.services.deploy("svc", ["m"]))
    engine.models.register(graph, ModelDescription("m"))
    said: list[str] = []
    engine.services.wait(engine.services.update("svc", model_names=["m:2"], notify=said.append))
    assert said[0] == "Serving model m:2 without a script (Onnx)."
    assert engine.requests.score("svc", {"data": ROWS.tolist()})["label"] == [0, 0, 1, 1]
    engine.models.register(ridge, ModelDescription("ridge"))
    engine.services.wait(engine.services.update("svc", model_names=["m:2", "ridge"]))
    assert len(engine.requests.score("svc", {"model": "ridge", "data": ROWS.tolist()})) == 4
    assert engine.requests.score("svc", {"model": "m", "data": ROWS[:1].tolist()})["label"] == [0]


def test_batching_and_providers_are_of_the_deploy_line(engine: Engine, graph: Any) -> None:
    engine.models.register(graph, ModelDescription("net"))
    config = DeploymentConfig(batch=True, environment_variables={"MLMAGIC_ONNX_PROVIDERS": "CPU"})
    engine.services.wait(engine.services.deploy("svc", ["net"], config=config))
    assert engine.requests.score("svc", {"data": ROWS.tolist()})["label"] == [0, 0, 1, 1]
    engine.services.delete("svc")
    config = DeploymentConfig(environment_variables={"MLMAGIC_ONNX_PROVIDERS": "TPU"})
    with pytest.raises(ScriptError, match="names 'TPU', which the installed onnxruntime does not have"):
        engine.services.wait(engine.services.deploy("svc", ["net"], config=config))


def test_a_sample_that_does_not_fit_fails_the_deploy(engine: Engine, classifier: Any) -> None:
    engine.models.register(classifier, ModelDescription("clf", sample_input=[[1, 2, 3]]))
    with pytest.raises(ScriptError, match="Expected rows of 2 values, got 3"):
        engine.services.wait(engine.services.deploy("svc", ["clf"]))


def test_a_file_of_weights_registered_by_its_path(engine: Engine, ridge: Any, tmp_path: Path) -> None:
    import joblib

    joblib.dump(ridge, tmp_path / "model.joblib")
    assert (
        engine.models.register(tmp_path / "model.joblib", ModelDescription("ridge")).framework
        == "ScikitLearn"
    )
    engine.services.wait(engine.services.deploy("svc", ["ridge"]))
    np.testing.assert_allclose(
        engine.requests.score("svc", {"data": ROWS.tolist()}), ridge.predict(ROWS), rtol=1e-5
    )
