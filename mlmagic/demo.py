"""`mlmagic demo`: the quickstart's journey in a terminal, with real models, each step with its time."""

from __future__ import annotations

import json
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine
from mlmagic.errors import UsageError
from mlmagic.workspace.location import locate

Echo = Callable[[str], None]

RIDGE_SCRIPT = """\
import json
import os

import joblib
import numpy as np


def init():
    global model
    model = joblib.load(os.path.join(os.getenv("AZUREML_MODEL_DIR"), "model.pkl"))


def run(raw_data):
    rows = np.asarray(json.loads(raw_data)["data"])
    return model.predict(rows).tolist()
"""

ONNX_SCRIPT = """\
import json
import os

import numpy as np
import onnxruntime


def init():
    global session
    path = os.path.join(os.getenv("AZUREML_MODEL_DIR"), "model.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def run(raw_data):
    rows = np.asarray(json.loads(raw_data)["data"], dtype=np.float32)
    labels, probabilities = session.run(None, {session.get_inputs()[0].name: rows})
    return {"label": labels.tolist(), "probabilities": probabilities.tolist()}
"""


def run_demo(echo: Echo, *, keep: bool = False) -> None:
    """Register, deploy, score, update and delete two services; raises what goes wrong."""
    _check_installed()
    # Services of the user's own may bear any name: these bear one that nobody's does.
    mark = uuid.uuid4().hex[:6]
    engine = Engine(locate())
    made: list[str] = []
    echo(f"Workspace {engine.location.name} in {engine.location.folder}")
    try:
        with _step(echo, "train Ridge on the diabetes data, and a classifier on iris as ONNX"):
            ridge, diabetes, onnx_model, iris = train()
        ridge_model = _register(echo, engine, ridge, f"demo-diabetes-{mark}")
        onnx_id = _register(echo, engine, onnx_model, f"demo-iris-{mark}")
        made.append(f"demo-ridge-{mark}")
        _deploy(echo, engine, made[-1], ridge_model, RIDGE_SCRIPT)
        _score(echo, engine, made[-1], {"data": diabetes[:2].tolist()})
        made.append(f"demo-onnx-{mark}")
        _deploy(echo, engine, made[-1], onnx_id, ONNX_SCRIPT)
        _score(echo, engine, made[-1], {"data": iris[[0, 75, 149]].tolist()})
        second = _register(echo, engine, ridge, f"demo-diabetes-{mark}")
        with _step(echo, f"update {made[0]} to {second}, without a pause"):
            engine.wait(engine.update(made[0], model_names=[second]))
        _score(echo, engine, made[0], {"data": diabetes[:1].tolist()})
        if keep:
            echo("Kept: " + ", ".join(str(engine.service(name).scoring_uri) for name in made))
            return
    except BaseException:
        echo("The demo did not get through; taking down what it made.")
        _take_down(echo, engine, made, mark)
        raise
    finally:
        if keep:
            engine.close()
    _take_down(echo, engine, made, mark)
    engine.close()
    echo("Done.")


def _check_installed() -> None:
    missing = [name for name in ("sklearn", "onnxruntime", "skl2onnx") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the demo's models need {', '.join(missing)}",
            hint="Install them with: pip install 'mlmagic[demo]'",
        )


def train() -> tuple[Any, Any, Any, Any]:
    import numpy as np
    from skl2onnx import to_onnx
    from sklearn.datasets import load_diabetes, load_iris
    from sklearn.linear_model import LogisticRegression, Ridge

    features, target = load_diabetes(return_X_y=True)
    flowers, species = load_iris(return_X_y=True)
    flowers = flowers.astype(np.float32)
    classifier = LogisticRegression(max_iter=500).fit(flowers, species)
    onnx_model = to_onnx(classifier, flowers[:1], options={"zipmap": False})
    return Ridge().fit(features, target), features, onnx_model, flowers


def _register(echo: Echo, engine: Engine, model: object, name: str) -> str:
    with _step(echo, f"register {name}") as note:
        registered = engine.register(model, ModelDescription(name, tags={"demo": "yes"}))
        note(f"version {registered.version}, {registered.framework} {registered.details.framework_version}")
    return registered.id


def _deploy(echo: Echo, engine: Engine, name: str, model: str, script: str) -> None:
    with _step(echo, f"deploy {name} with {model}") as note, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "score.py"
        path.write_text(script, encoding="utf-8")
        service = engine.wait(engine.deploy(name, [model], InferenceConfig(str(path))))
        note(f"{service.state} at {service.scoring_uri}")


def _score(echo: Echo, engine: Engine, name: str, data: Any) -> None:
    with _step(echo, f"score {name}") as note:
        note(json.dumps(engine.invoke(name, data), default=str)[:160])


def _take_down(echo: Echo, engine: Engine, services: list[str], mark: str) -> None:
    there = {service.name for service in engine.services()}
    with _step(echo, "delete the services and models"):
        for name in services:
            if name in there:
                engine.delete(name)
        for model in engine.models():
            if model.name in (f"demo-diabetes-{mark}", f"demo-iris-{mark}"):
                engine.delete_model(model.id)


@contextmanager
def _step(echo: Echo, what: str) -> Iterator[Callable[[str], None]]:
    """Time one step and print it with what it gave."""
    notes: list[str] = []
    started = time.perf_counter()
    yield notes.append
    took = (time.perf_counter() - started) * 1000
    echo(f"{took:8.1f} ms  {what}" + "".join(f"\n{'':13}{note}" for note in notes))
