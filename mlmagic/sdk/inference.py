"""`InferenceConfig`: the entry script, its folder and its environment, as in the first SDK."""

from __future__ import annotations

import ast
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlmagic.core import configuration as core
from mlmagic.errors import InvalidConfig, InvalidConfigs, NotFound
from mlmagic.sdk.environment import ContainerRegistry, Environment
from mlmagic.sdk.exceptions import UserErrorException, WebserviceException, raises

RUNTIMES = ("python", "spark-py")
CUDA_VERSIONS = ("9.0", "9.1", "10.0")
_LEGACY = ("runtime", "conda_file", "extra_docker_file_steps", "enable_gpu", "base_image", "cuda_version")


@raises(WebserviceException)
class InferenceConfig:
    """What is served: ``entry_script`` in ``source_directory``, in ``environment``.

    The arguments before Environment (``runtime``, ``conda_file``, ...) are taken with a warning and become
    one; they exclude ``environment``. Everything that is wrong is told at once. The script is read when it
    is deployed. It may hold no syntax error: `UserErrorException`.
    """

    def __init__(
        self,
        entry_script: str,
        runtime: str | None = None,
        conda_file: str | None = None,
        extra_docker_file_steps: str | None = None,
        source_directory: str | None = None,
        enable_gpu: bool | None = None,
        description: str | None = None,
        base_image: str | None = None,
        base_image_registry: ContainerRegistry | None = None,
        cuda_version: str | None = None,
        environment: Environment | None = None,
    ) -> None:
        self.entry_script = entry_script
        self.runtime = runtime
        self.conda_file = conda_file
        self.extra_docker_file_steps = extra_docker_file_steps
        self.source_directory = source_directory and str(Path(source_directory).expanduser().resolve())
        self.enable_gpu = enable_gpu
        self.description = description
        self.base_image = base_image
        self.base_image_registry = base_image_registry
        self.cuda_version = cuda_version
        self.environment = environment
        self.validate_configuration()
        legacy = [name for name in _LEGACY if getattr(self, name) is not None]
        if legacy:
            warnings.warn(
                f"InferenceConfig: {', '.join(legacy)} come from before Environment; give environment=",
                DeprecationWarning,
                stacklevel=3,
            )
            self.environment = self._legacy_environment()

    def validate_configuration(self) -> None:
        """Raises `WebserviceException` with each argument, value and rule that do not fit."""
        violations = list(self._violations())
        if len(violations) == 1 and isinstance(violations[0], NotFound):
            raise violations[0]
        if violations:
            raise InvalidConfigs(
                "InferenceConfig",
                [
                    each
                    if isinstance(each, InvalidConfig)
                    else InvalidConfig(each.kind, each.name, "is not there")
                    for each in violations
                ],
            )
        path = self._path()
        try:
            ast.parse(path.read_text(encoding="utf-8"), str(path))
        except SyntaxError as error:
            raise UserErrorException(
                f"{self.entry_script}, line {error.lineno}: {error.msg}",
                hint="mlmagic serve --entry-script runs a script by hand.",
            ) from None

    def _violations(self) -> Any:
        try:
            core.InferenceConfig(self.entry_script or "")
        except InvalidConfig as error:
            yield error
            return
        folder = self.source_directory
        if folder is not None and not Path(folder).is_dir():
            yield InvalidConfig("source_directory", folder, "must be a folder that is there")
        elif not (path := self._path()).is_file():
            known = [found.name for found in path.parent.glob("*.py")] if path.parent.is_dir() else []
            yield NotFound("entry script", str(self.entry_script), known)
        if self.environment is not None:
            for name in _LEGACY:
                if getattr(self, name) is not None:
                    yield InvalidConfig(name, getattr(self, name), "excludes environment")
        if self.runtime is not None and self.runtime not in RUNTIMES:
            yield InvalidConfig("runtime", self.runtime, f"must be {' or '.join(RUNTIMES)}")
        if self.cuda_version is not None and self.cuda_version not in CUDA_VERSIONS:
            yield InvalidConfig("cuda_version", self.cuda_version, f"must be {', '.join(CUDA_VERSIONS)}")
        for name in ("conda_file", "extra_docker_file_steps"):
            file = getattr(self, name)
            if file is not None and not (self._base() / file).is_file():
                yield InvalidConfig(name, file, "must be a file in the source directory")

    def _base(self) -> Path:
        return Path(self.source_directory) if self.source_directory else Path()

    def _path(self) -> Path:
        return self._base() / Path(self.entry_script).expanduser()

    def _legacy_environment(self) -> Environment:
        made = Environment("legacy")
        if self.conda_file is not None:
            made = Environment.from_conda_specification("legacy", str(self._base() / self.conda_file))
        if self.base_image is not None:
            made.docker.base_image = self.base_image
        if self.base_image_registry is not None:
            made.docker.base_image_registry = self.base_image_registry
        if self.extra_docker_file_steps is not None:
            made.docker.extra_steps = (self._base() / self.extra_docker_file_steps).read_text(
                encoding="utf-8"
            )
        made.docker.enable_gpu = bool(self.enable_gpu)
        made.docker.cuda_version = self.cuda_version
        return made

    def to_core(self) -> core.InferenceConfig:
        """As the engine takes it; checked again, as it may have been edited."""
        self.validate_configuration()
        dependencies = self.environment and self.environment.python.conda_dependencies
        return core.InferenceConfig(
            str(Path(self.entry_script)),
            source_directory=self.source_directory,
            requirements=tuple(dependencies.pip_packages) if dependencies else (),
            environment=self.environment._record() if self.environment else None,
            description=self.description or "",
        )

    def for_engine(self, config: core.DeploymentConfig) -> tuple[core.InferenceConfig, core.DeploymentConfig]:
        """Both configurations as the engine takes them.

        What the environment sets, the deployment may set otherwise.
        """
        variables = {**self.environment_variables, **config.environment_variables}
        return self.to_core(), replace(config, environment_variables=variables)

    @property
    def environment_variables(self) -> dict[str, str]:
        """What the environment sets."""
        return dict(self.environment.environment_variables or {}) if self.environment else {}

    def __repr__(self) -> str:
        name = self.environment and self.environment.name
        script, folder = self.entry_script, self.source_directory
        return f"InferenceConfig(entry_script={script!r}, source_directory={folder!r}, environment={name!r})"
