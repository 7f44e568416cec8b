"""Compiled models in packages and batch jobs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import requests

from mlmagic.core.batch import BatchPlan
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import Model, ModelDescription
from mlmagic.core.package import PackageKind
from mlmagic.engine.batch.batch import Scored
from mlmagic.engine.batch.inputs import Files
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvalidConfig
from tests.support.entry_scripts import inline
from tests.support.estimators import BODY, SERVES_RIDGE, expected, ridge
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes

COMPILE = DeploymentConfig(compile=True)
SCRIPT = inline(SERVES_RIDGE)
BATCH = """
import json
import sys

import joblib
from azureml.core import Model
from sklearn.linear_model import Ridge

def init():
    global model
    model = joblib.load(Model.get_model_path("ridge"))

def run(mini_batch):
    rows = [json.loads(open(path).read()) for path in mini_batch]
    return [[*model.predict(rows).tolist(), "sklearn" in sys.modules] for _ in mini_batch]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return ridge(tmp_path)


@pytest.fixture
def model(engine: Engine, file: Path) -> Model:
    return engine.models.register(file, ModelDescription("ridge", compile=True))


def test_one_file_serves_compiled_models(engine: Engine, model: Model, file: Path, tmp_path: Path) -> None:
    made = engine.packages.create([model.id], SCRIPT, kind=PackageKind.ZIP, test=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "MLMAGIC_PACKAGES": str(tmp_path / "unpacked")}
    command = [sys.executable, made.location, "--port", str(port)]
    with subprocess.Popen(command, env=environment) as server:
        try:
            post = partial(requests.post, f"http://127.0.0.1:{port}/score", json=BODY, timeout=10)
            answer = wait_for(post, "an answer", timeout=60, ignoring=(requests.ConnectionError,)).json()
        finally:
            server.terminate()
    assert answer["result"] == pytest.approx(expected(file), rel=1e-12)
    assert answer["scikit-learn"] is False


def test_a_package_compiles_what_is_not_compiled_yet_and_may_refuse_it(
    engine: Engine, file: Path, model: Model
) -> None:
    other = engine.models.register(file, ModelDescription("other"))

    def has_parts(config: DeploymentConfig, name: str) -> bool:
        made = engine.packages.create([name], SCRIPT, kind=PackageKind.FOLDER, config=config)
        return (Path(made.location) / "azureml-compiled").is_dir()

    assert has_parts(COMPILE, other.id)
    assert not has_parts(DeploymentConfig(), other.id)
    assert has_parts(DeploymentConfig(), model.id)
    assert not has_parts(DeploymentConfig(compile=False), model.id)


def test_a_package_for_the_server_of_azure_has_the_models_as_they_are(engine: Engine, model: Model) -> None:
    made = engine.packages.create([model.id], SCRIPT, kind=PackageKind.AZUREML_V2)
    assert not (Path(made.location) / "azureml-compiled").exists()
    with pytest.raises(InvalidConfig, match="compile True cannot be in a package of the kind azureml-v2"):
        engine.packages.create([model.id], SCRIPT, kind=PackageKind.AZUREML_V2, config=COMPILE)


def test_a_batch_job_uses_the_compiled_model(
    engine: Engine, model: Model, file: Path, tmp_path: Path
) -> None:
    inputs = []
    for number, row in enumerate(BODY["data"]):
        inputs.append(tmp_path / f"{number}.json")
        inputs[-1].write_text(json.dumps(row))
    plan = BatchPlan(mini_batch_size=1, process_count=1, append_row_file_name="rows.txt")
    script = InferenceConfig("batch.py", script_text=BATCH)
    outcome = engine.batch.run(
        *(plan, Scored(script), Files([str(each) for each in inputs])), tmp_path / "out", tmp_path / "job"
    )
    assert outcome.error == ""
    lines = (tmp_path / "out" / "rows.txt").read_text().splitlines()
    assert [json.loads(line.lower()) for line in lines] == [
        [pytest.approx(each, rel=1e-12), False] for each in expected(file)
    ]
