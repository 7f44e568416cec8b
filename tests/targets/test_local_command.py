"""The environment variables of a server on this machine."""

from __future__ import annotations

from pathlib import Path

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.targets.local.command import server_environment
from tests.support.specs import spec


def test_a_service_gets_these_names_from_its_deployment_only(tmp_path: Path) -> None:
    config = DeploymentConfig(environment_variables={"WORKER_COUNT": "2"})
    made = server_environment(
        spec(tmp_path, config=config), {"HEALTH_PORT": "8080", "WORKER_COUNT": "9", "HOSTNAME": "a"}
    )
    assert "HEALTH_PORT" not in made
    assert (made["WORKER_COUNT"], made["HOSTNAME"]) == ("2", "a")
