"""`RunConfiguration`: the environment, variables and inputs of a script that is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mlmagic.sdk.conda import CondaDependencies
from mlmagic.sdk.environment import Environment
from mlmagic.sdk.exceptions import UserErrorException, raises

DEFAULT_NAME = "default"


@dataclass
class DockerConfiguration:
    """Options of a run in a container. They have no effect: scripts run as processes of this machine."""

    use_docker: bool = False
    shared_volumes: bool = True
    arguments: list[str] = field(default_factory=list)
    shm_size: str | None = None


@raises(UserErrorException)
class RunConfiguration:
    """How a script is run: in its ``environment``, with ``environment_variables`` and ``data``.

    ``target``, ``node_count`` and ``docker`` have no effect: the script runs on this machine. It runs in the
    notebook's environment if that has every package of ``environment``, else in an environment of its own.
    """

    def __init__(
        self,
        script: str | None = None,
        arguments: Sequence[Any] | None = None,
        framework: str | None = None,
        communicator: str | None = None,
        conda_dependencies: CondaDependencies | None = None,
        **more: Any,
    ) -> None:
        self.script, self.arguments = script, list(arguments or ())
        self.framework, self.communicator = framework or "Python", communicator or "None"
        self.target: Any = "local"
        self.node_count = 1
        self.max_run_duration_seconds: float | None = None
        self.docker = DockerConfiguration()
        self.data: dict[str, Any] = {}
        self.data_references: dict[str, Any] = {}
        self.environment_variables: dict[str, str] = {}
        self._environment: Environment | None = None
        if conda_dependencies is not None:
            self.environment.python.conda_dependencies = conda_dependencies

    @property
    def has_environment(self) -> bool:
        """Whether an environment was set or changed."""
        return self._environment is not None

    @property
    def environment(self) -> Environment:
        """The environment; at first one without packages, for which the notebook's environment is used."""
        if self._environment is None:
            self._environment = Environment.from_pins(DEFAULT_NAME, None)
        return self._environment

    @environment.setter
    def environment(self, environment: Environment) -> None:
        self._environment = environment

    def __repr__(self) -> str:
        return f"RunConfiguration(script={self.script!r}, environment={self.environment.name!r})"
