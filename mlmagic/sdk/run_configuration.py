"""`RunConfiguration`: the environment, variables and inputs of a script that is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlmagic.errors import NotFound, UsageError
from mlmagic.sdk.conda import CondaDependencies
from mlmagic.sdk.environment import Environment
from mlmagic.sdk.exceptions import UserErrorException, raises
from mlmagic.workspace.atomic_writes import write_atomically

DEFAULT_NAME = "default"
_FIELDS = {
    "script": "script",
    "arguments": "arguments",
    "target": "target",
    "framework": "framework",
    "communicator": "communicator",
    "maxRunDurationSeconds": "max_run_duration_seconds",
    "nodeCount": "node_count",
    "environmentVariables": "environment_variables",
}
"""Keys of a .runconfig file -> attributes."""
_DOCKER_FIELDS = {
    "useDocker": "use_docker",
    "sharedVolumes": "shared_volumes",
    "arguments": "arguments",
    "shmSize": "shm_size",
}


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

    def save(self, path: str | None = None, name: str | None = None, **more: Any) -> None:
        """Write the configuration to ``path``/.azureml/NAME.runconfig, or to the file ``path``, as YAML.

        ``name`` is "default" at first. Raises `UserErrorException` if there are inputs in ``data``.
        """
        import yaml

        if self.data or self.data_references:
            raise UsageError(
                "data and data_references of a RunConfiguration cannot be saved",
                hint="Set them after RunConfiguration.load.",
            )
        values = {key: getattr(self, attribute) for key, attribute in _FIELDS.items()}
        values["target"] = str(getattr(self.target, "name", self.target))
        values["docker"] = {key: getattr(self.docker, attribute) for key, attribute in _DOCKER_FIELDS.items()}
        if self.has_environment:
            values["environment"] = self.environment.to_record()
        file = _file(path, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, yaml.safe_dump(values, sort_keys=False))

    @staticmethod
    def load(path: str, name: str | None = None) -> RunConfiguration:
        """Read a configuration that `save` or Azure ML v1 has written; keys that have no effect are skipped.

        Raises `UserErrorException` for a file that is missing or is not YAML.
        """
        import yaml

        file = _file(path, name)
        if not file.is_file():
            raise NotFound("run configuration", str(file))
        try:
            values = yaml.safe_load(file.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise UsageError(f"{file} is not YAML: {error}") from None
        if not isinstance(values, dict):
            raise UsageError(f"{file} has no keys", hint="A run configuration begins with: script: train.py")
        made = RunConfiguration()
        for key, attribute in _FIELDS.items():
            if values.get(key) is not None:
                setattr(made, attribute, values[key])
        for key, attribute in _DOCKER_FIELDS.items():
            if (values.get("docker") or {}).get(key) is not None:
                setattr(made.docker, attribute, values["docker"][key])
        if values.get("environment"):
            made.environment = Environment.from_record(values["environment"])
        return made

    def __repr__(self) -> str:
        return f"RunConfiguration(script={self.script!r}, environment={self.environment.name!r})"


def _file(path: str | None, name: str | None) -> Path:
    place = Path(path or ".").expanduser()
    if place.suffix in (".runconfig", ".yml", ".yaml"):
        return place
    return place / ".azureml" / f"{name or DEFAULT_NAME}.runconfig"
