"""A service and its comparison deployment on another target, which is deleted afterwards."""

from __future__ import annotations

from pathlib import Path

import joblib
import pytest

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine
from mlmagic.errors import InvalidConfig, NotFound
from tests.support.docker_engine import DockerEngine
from tests.support.engines import ON_DOCKER
from tests.support.processes import servers_here

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

SCRIPT = """
import json, os
def init(): pass
def run(data):
    value = json.loads(data)
    return {"value": value, "root": os.getpid() == 1} if value else value
"""
INFERENCE = InferenceConfig("score.py", script_text=SCRIPT)


def test_beside_itself_all_is_the_same(engine: Engine) -> None:
    engine.services.wait(engine.services.deploy("svc", [], INFERENCE))
    before = len(servers_here())
    found = engine.parity.check("svc", "local", [b"[1]", b"0"])
    assert found.same
    assert (found.rows, found.packages) == (2, ())
    assert all(value > 0 for value in found.milliseconds)
    assert len(servers_here()) == before
    with pytest.raises(InvalidConfig, match="must have at least one"):
        engine.parity.check("svc", "local", [])
    with pytest.raises(NotFound, match="Service not found: 'other'"):
        engine.parity.check("other", "local", [b"1"])


def test_a_container_that_answers_otherwise_is_told(engine: Engine, docker: DockerEngine) -> None:
    engine.services.wait(engine.services.deploy("svc", [], INFERENCE))
    found = engine.parity.check("svc", "docker", [b"[1]", b"0"])
    assert [str(one) for one in found.differences] == ["row 0 .root: value false / true"]
    assert (
        docker.docker("ps", "--all", "--quiet", "--filter", "label=mlmagic.service=comparison-of-svc") == ""
    )


PREDICTS = """
import os, joblib
def init():
    global model
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "linear.pkl"))
def run(data: list):
    return model.predict(data).tolist()
"""


def test_the_libraries_that_a_pickle_names_are_in_the_container(
    engine: Engine, docker: DockerEngine, tmp_path: Path
) -> None:
    from sklearn.linear_model import LinearRegression

    joblib.dump(LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0]), tmp_path / "linear.pkl")
    model = engine.models.register(tmp_path / "linear.pkl", ModelDescription("linear")).id
    script = InferenceConfig("score.py", script_text=PREDICTS)
    engine.services.wait(engine.services.deploy("svc", [model], script))
    found = engine.parity.check("svc", "docker", [b'{"data": [[2.0]]}'])
    assert found.same
    engine.services.wait(engine.services.deploy("in-docker", [model], script, ON_DOCKER))
    assert engine.requests.score("in-docker", {"data": [[2.0]]}) == pytest.approx([5.0])
    engine.services.delete("in-docker")
