"""A compiled model in a container and in a cluster, with an environment that does not name what serves it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy
import pytest
import sklearn

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine
from tests.support.docker_engine import PYTHON, DockerEngine
from tests.support.engines import ON_DOCKER
from tests.support.entry_scripts import inline
from tests.support.estimators import BODY, SERVES_RIDGE, expected, ridge
from tests.support.kubernetes_cluster import ON_KUBERNETES

if TYPE_CHECKING:
    from tests.support.kubernetes.cluster import Cluster

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]

PACKAGES = [f"scikit-learn=={sklearn.__version__}", f"numpy=={numpy.__version__}", "joblib"]
ENVIRONMENT = {
    "name": "theirs",
    "python": {"condaDependencies": {"dependencies": [f"python={PYTHON}", {"pip": PACKAGES}]}},
}


def serves_compiled(engine: Engine, folder: Path, config: DeploymentConfig) -> None:
    file = ridge(folder)
    model = engine.models.register(file, ModelDescription("ridge"))
    deployed = engine.services.deploy(
        *("svc", [model.id], inline(SERVES_RIDGE), replace(config, memory_gb=0.5, compile=True)),
        environment=ENVIRONMENT,
    )
    assert list(engine.services.wait(deployed).compiled) == ["ridge:1"]
    answer = engine.requests.score("svc", BODY)
    assert answer["result"] == pytest.approx(expected(file), rel=1e-12)
    assert answer["scikit-learn"] is False


def test_a_container_serves_the_compiled_model(engine: Engine, docker: DockerEngine, tmp_path: Path) -> None:
    serves_compiled(engine, tmp_path, ON_DOCKER)


@pytest.mark.usefixtures("services_end")
def test_a_pod_serves_the_compiled_model(engine: Engine, cluster: Cluster, tmp_path: Path) -> None:
    serves_compiled(engine, tmp_path, ON_KUBERNETES)
