"""`InferenceConfig`: the entry script, its folder and its environment."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlmagic.core import configuration as core
from mlmagic.errors import InvalidConfig, InvalidConfigs, NotFound
from mlmagic.sdk.deprecated_environment import DeprecatedEnvironment
from mlmagic.sdk.environment import Environment
from mlmagic.sdk.environment_sections import ContainerRegistry
from mlmagic.sdk.exceptions import UserErrorException, WebserviceException, raises


def _deprecated(name: str) -> Any:
    """A read-only attribute for an argument that `Environment` replaced."""
    return property(lambda config: getattr(config._deprecated, name), doc="Deprecated; see `environment`.")


@raises(WebserviceException)
class InferenceConfig:
    """What is served: ``entry_script`` in ``source_directory``, in ``environment``.

    The deprecated arguments (``runtime``, ``conda_file``, ``base_image``, ...) are another way to give an
    environment, exclude ``environment``, and warn. All wrong values are reported together. The script is read
    when it is deployed. A syntax error in it raises `UserErrorException`.
    """

    runtime = _deprecated("runtime")
    conda_file = _deprecated("conda_file")
    extra_docker_file_steps = _deprecated("extra_docker_file_steps")
    enable_gpu = _deprecated("enable_gpu")
    base_image = _deprecated("base_image")
    base_image_registry = _deprecated("base_image_registry")
    cuda_version = _deprecated("cuda_version")

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
        self.source_directory = source_directory and str(Path(source_directory).expanduser().resolve())
        self.description = description
        self.environment = environment
        self._deprecated = DeprecatedEnvironment(
            runtime,
            conda_file,
            extra_docker_file_steps,
            enable_gpu,
            base_image,
            base_image_registry,
            cuda_version,
        )
        given, folder = self._deprecated.given, self._base()
        excluded = [InvalidConfig(name, value, "excludes environment") for name, value in given.items()]
        self._check([*self._deprecated.violations(folder), *(excluded if environment is not None else ())])
        if given:
            # As in azureml-core the warning is the library's own, so a notebook shows it only if it asks to.
            warnings.warn(
                f"InferenceConfig: {', '.join(given)}: deprecated; give environment= instead",
                DeprecationWarning,
                stacklevel=1,
            )
        if environment is None:
            self.environment = self._deprecated.environment(folder)

    def validate_configuration(self) -> None:
        """Raises `WebserviceException` with each argument, value and rule that do not fit."""
        self._check()

    def _check(self, more: Iterable[InvalidConfig] = ()) -> None:
        violations: list[InvalidConfig | NotFound] = [*self._violations(), *more]
        if len(violations) == 1 and isinstance(violations[0], NotFound):
            raise violations[0]
        if violations:
            raise InvalidConfigs(
                "InferenceConfig",
                [
                    each
                    if isinstance(each, InvalidConfig)
                    else InvalidConfig(each.kind, each.name, "was not found")
                    for each in violations
                ],
            )
        path = self._path()
        try:
            ast.parse(path.read_text(encoding="utf-8"), str(path))
        except SyntaxError as error:
            raise UserErrorException(
                f"{self.entry_script}, line {error.lineno}: {error.msg}",
                hint="Fix it, then create the InferenceConfig again.",
            ) from None

    def _violations(self) -> Iterator[InvalidConfig | NotFound]:
        try:
            core.InferenceConfig(self.entry_script or "")
        except InvalidConfig as error:
            yield error
            return
        folder = self.source_directory
        if folder is not None and not Path(folder).is_dir():
            yield InvalidConfig("source_directory", folder, "must be an existing folder")
        elif not (path := self._path()).is_file():
            known = [found.name for found in path.parent.glob("*.py")] if path.parent.is_dir() else []
            yield NotFound("entry script", str(self.entry_script), known)

    def _base(self) -> Path:
        return Path(self.source_directory) if self.source_directory else Path()

    def _path(self) -> Path:
        return self._base() / Path(self.entry_script).expanduser()

    def to_core(self) -> core.InferenceConfig:
        """The configuration as the engine takes it; checked again, as it may have been edited."""
        self.validate_configuration()
        dependencies = self.environment and self.environment.python.conda_dependencies
        return core.InferenceConfig(
            str(Path(self.entry_script)),
            source_directory=self.source_directory,
            requirements=tuple(dependencies.pip_packages) if dependencies else (),
            environment=self.environment.to_record() if self.environment else None,
            description=self.description or "",
        )

    def for_engine(self, config: core.DeploymentConfig) -> tuple[core.InferenceConfig, core.DeploymentConfig]:
        """Both configurations as the engine takes them.

        Environment variables of the deployment override those of the environment.
        """
        variables = {**self.environment_variables, **config.environment_variables}
        return self.to_core(), replace(config, environment_variables=variables)

    @property
    def environment_variables(self) -> dict[str, str]:
        """The environment variables that the environment sets."""
        return dict(self.environment.environment_variables or {}) if self.environment else {}

    def __repr__(self) -> str:
        name = self.environment and self.environment.name
        script, folder = self.entry_script, self.source_directory
        return f"InferenceConfig(entry_script={script!r}, source_directory={folder!r}, environment={name!r})"
