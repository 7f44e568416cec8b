"""A compiled model in a container, with an environment that does not name what serves it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine
from tests.support.docker_engine import DockerEngine
from tests.support.entry_scripts import inline
from tests.support.estimators import BODY, SERVES_RIDGE, expected, ridge

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


def test_a_container_serves_the_compiled_model(engine: Engine, docker: DockerEngine, tmp_path: Path) -> None:
    import numpy
    import sklearn

    packages = [f"scikit-learn=={sklearn.__version__}", f"numpy=={numpy.__version__}", "joblib"]
    environment = {
        "name": "theirs",
        "python": {"condaDependencies": {"dependencies": ["python=3.11", {"pip": packages}]}},
    }
    file = ridge(tmp_path)
    model = engine.models.register(file, ModelDescription("ridge"))
    config = DeploymentConfig("docker", memory_gb=0.5, compile=True)
    deployed = engine.services.deploy(
        "svc", [model.id], inline(SERVES_RIDGE), config, environment=environment
    )
    service = engine.services.wait(deployed)
    assert list(service.compiled) == ["ridge:1"]
    answer = engine.requests.score("svc", BODY)
    assert answer["result"] == pytest.approx(expected(file), rel=1e-12)
    assert answer["scikit-learn"] is False
