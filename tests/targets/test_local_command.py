"""The arguments and the environment variables of a server on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.targets.local.command import server_environment, worker_arguments
from tests.support.specs import spec


def test_a_service_gets_these_names_from_its_deployment_only(tmp_path: Path) -> None:
    config = DeploymentConfig(environment_variables={"WORKER_COUNT": "2"})
    made = server_environment(
        spec(tmp_path, config=config), {"HEALTH_PORT": "8080", "WORKER_COUNT": "9", "HOSTNAME": "a"}
    )
    assert "HEALTH_PORT" not in made
    assert (made["WORKER_COUNT"], made["HOSTNAME"]) == ("2", "a")


@pytest.mark.parametrize(
    ("config", "modules", "words"),
    [
        (DeploymentConfig(), (), []),
        # A variable may ask for several processes.
        (DeploymentConfig(), ("a", "b.c"), ["--preload", "a,b.c"]),
        (DeploymentConfig(num_replicas=2), ("a",), ["--workers", "2", "--preload", "a"]),
        (DeploymentConfig(idle_timeout_seconds=60.0), (), ["--idle-timeout", "60.0"]),
    ],
)
def test_several_processes_share_the_modules(
    tmp_path: Path, config: DeploymentConfig, modules: tuple[str, ...], words: list[str]
) -> None:
    assert worker_arguments(spec(tmp_path, config=config, modules=modules)) == words
