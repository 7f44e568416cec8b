"""A profile of a service in containers, held to its sizes by Docker."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlmagic.core.model import ModelDescription
from mlmagic.core.profile import ProfilePlan, ProfileState
from mlmagic.engine.engine import Engine
from tests.support.docker_engine import DockerEngine
from tests.support.entry_scripts import SLEEPY, inline

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


def test_a_container_is_measured_and_nothing_of_it_is_left(engine: Engine, docker: DockerEngine) -> None:
    plan = ProfilePlan("p", (0.5, 1.0), (0.25,), seconds=0.5, concurrencies=(1, 2), target="docker")
    model = engine.models.register(Path(__file__), ModelDescription("m"))
    init = "import os\ndef init(): assert os.listdir(os.environ['AZUREML_MODEL_DIR'])"
    reads = SLEEPY.replace("def init(): pass", init)
    made = engine.profiles.measure(plan, [model.id], inline(reads), [b"1"])
    assert made.state is ProfileState.SUCCEEDED, made.error
    assert [size.cpu for size in made.sizes] == [0.5, 1.0]
    for size in made.sizes:
        assert size.held_by == "Docker"
        assert size.successful
        assert size.loads[0].percentiles_ms["50"] >= 10
        assert 0.01 < size.peak_memory_gb < 0.25
        assert 0 < size.max_cores < 1
    assert "mlmagic.service=profile" not in docker.docker("ps", "--all", "--format", "{{.Labels}}")
