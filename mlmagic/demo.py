"""`mlmagic demo`: the steps of the quickstart in a terminal, with two real models and timings."""

from __future__ import annotations

import json
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine
from mlmagic.errors import UsageError
from mlmagic.targets.local import zygote
from mlmagic.workspace.location import locate

Echo = Callable[..., None]
"""`click.echo`, or a function with its signature: a text, and ``nl=False`` for no newline."""

WIDTH = 78
"""The column where the time of a step begins."""

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
    """Register two models, then deploy, score, update and delete two services. Errors are raised."""
    _check_installed()
    started = time.perf_counter()
    # As %load_ext and %%score_script do it in a kernel: the libraries are imported while we train.
    zygote.start()
    zygote.warm(["joblib", "numpy", "onnxruntime", "sklearn.linear_model"])
    with closing(Engine(locate())) as engine:
        echo("This demo deploys two real models as web services on this machine.")
        echo(f"Workspace {engine.location.name}, in {engine.location.folder}\n")
        demo = Demo(echo, engine)
        try:
            demo.journey()
        except BaseException:
            echo("\nThe demo failed. Deleting all demo resources.")
            demo.take_down()
            raise
        if keep:
            _show_kept(echo, engine, demo.services)
            return
        demo.take_down()
        echo(f"\nDone in {time.perf_counter() - started:.1f} s. All demo resources were deleted.")
        echo("Next, in a notebook: %load_ext mlmagic, then %%score_script and %deploy (see the README).")


class Demo:
    """One run of the demo, and the services that it has created so far."""

    def __init__(self, echo: Echo, engine: Engine) -> None:
        self._echo, self._engine = echo, engine
        # The suffix keeps the demo's names apart from the user's services and models.
        mark = uuid.uuid4().hex[:6]
        self._diabetes, self._iris = f"demo-diabetes-{mark}", f"demo-iris-{mark}"
        self._ridge, self._onnx = f"demo-ridge-{mark}", f"demo-onnx-{mark}"
        self.services: list[str] = []

    def journey(self) -> None:
        with self._step("load scikit-learn; train Ridge (diabetes) and an ONNX classifier (iris)"):
            ridge, patients, onnx_model, flowers = train()
        first = self._register(ridge, self._diabetes)
        self._deploy(self._ridge, first, RIDGE_SCRIPT)
        self._score(self._ridge, {"data": patients[:3].tolist()})
        classifier = self._register(onnx_model, self._iris)
        self._deploy(self._onnx, classifier, ONNX_SCRIPT)
        self._score(self._onnx, {"data": flowers[[0, 75, 149]].tolist()})
        second = self._register(ridge, self._diabetes)
        self._update(second, {"data": patients[:1].tolist()})

    def take_down(self) -> None:
        """Delete the services and models that the demo has created."""
        there = self._engine.services.names()
        with self._step("delete the services and models"):
            for name in self.services:
                if name in there:
                    self._engine.services.delete(name)
            for model in self._engine.models.list():
                if model.name in (self._diabetes, self._iris):
                    self._engine.models.delete(model.id)

    def _register(self, model: object, name: str) -> str:
        with self._step(f"register {name}") as note:
            made = self._engine.models.register(model, ModelDescription(name, tags={"demo": "yes"}))
            note(f"version {made.version}, {made.framework} {made.details.framework_version}")
        return made.id

    def _deploy(self, name: str, model: str, script: str) -> None:
        with self._step(f"deploy {name} with {model}") as note, tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "score.py"
            path.write_text(script, encoding="utf-8")
            self.services.append(name)
            service = self._engine.services.wait(
                self._engine.services.deploy(name, [model], InferenceConfig(str(path)))
            )
            note(f"{service.state} at {service.scoring_uri}")

    def _score(self, name: str, data: Any) -> None:
        with self._step(f"score {name}") as note:
            note(_short(self._engine.requests.score(name, data)))

    def _update(self, model: str, data: Any) -> None:
        """Update to another model version while a client sends requests."""
        with self._step(f"update {self._ridge} to {model} under load") as note:
            updated = threading.Event()
            with ThreadPoolExecutor(max_workers=1) as pool:
                answered = pool.submit(self._score_until, updated, data)
                try:
                    self._engine.services.wait(self._engine.services.update(self._ridge, model_names=[model]))
                finally:
                    updated.set()
            note(f"{answered.result()} requests succeeded during the update, none failed")

    def _score_until(self, done: threading.Event, data: Any) -> int:
        count = 0
        while not done.is_set():
            self._engine.requests.score(self._ridge, data)
            count += 1
        return count

    @contextmanager
    def _step(self, what: str) -> Iterator[Callable[[str], None]]:
        """Print a step, its time and its notes."""
        notes: list[str] = []
        self._echo(f"  {what} ".ljust(WIDTH, "."), nl=False)
        started = time.perf_counter()
        try:
            yield notes.append
        except BaseException:
            self._echo(" failed")
            raise
        self._echo(_duration(time.perf_counter() - started))
        for note in notes:
            self._echo(f"      {note}")


def _check_installed() -> None:
    missing = [name for name in ("sklearn", "onnxruntime", "skl2onnx") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the demo's models need {', '.join(missing)}",
            hint="Install them with: pip install 'mlmagic[demo]'",
        )


def train() -> tuple[Any, Any, Any, Any]:
    """Train the models: Ridge, its data, an ONNX classifier, and its data."""
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


def _show_kept(echo: Echo, engine: Engine, names: Sequence[str]) -> None:
    echo("\nThe services keep running:")
    for name in names:
        echo(f"  {name}  {engine.services.get(name).scoring_uri}")
    echo("\nTry:    mlmagic service list")
    echo(f"Delete: {'; '.join(f'mlmagic service delete -n {name}' for name in names)}")


def _duration(seconds: float) -> str:
    return f"{seconds:9.2f} s" if seconds >= 1 else f"{seconds * 1000:8.1f} ms"


def _short(answer: Any) -> str:
    """A response as JSON, with rounded numbers."""

    def rounded(value: Any) -> Any:
        if isinstance(value, float):
            return float(f"{value:.4g}")
        if isinstance(value, list):
            return [rounded(item) for item in value]
        if isinstance(value, dict):
            return {key: rounded(item) for key, item in value.items()}
        return value

    return json.dumps(rounded(answer))
