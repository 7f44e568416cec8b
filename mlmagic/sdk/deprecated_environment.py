"""The arguments of InferenceConfig that `Environment` replaced: ``runtime``, ``conda_file`` and others.

They are one more source of an environment, read once when an InferenceConfig is created.
Source: InferenceConfig of azureml-core 1.61.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mlmagic.errors import InvalidConfig
from mlmagic.sdk.environment import Environment
from mlmagic.sdk.environment_sections import ContainerRegistry

RUNTIMES = ("python", "spark-py")
CUDA_VERSIONS = ("9.0", "9.1", "10.0")
_NAME = "legacy"


@dataclass(frozen=True, slots=True)
class DeprecatedEnvironment:
    """The deprecated arguments as they were given. File names are relative to the source directory."""

    runtime: str | None = None
    conda_file: str | None = None
    extra_docker_file_steps: str | None = None
    enable_gpu: bool | None = None
    base_image: str | None = None
    base_image_registry: ContainerRegistry | None = None
    cuda_version: str | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The arguments that were given, by name, without the registry, which needs an image."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        del values["base_image_registry"]
        return {name: value for name, value in values.items() if value is not None and value is not False}

    def violations(self, folder: Path) -> Iterator[InvalidConfig]:
        """Each value that is not allowed, with its rule."""
        if self.runtime is not None and self.runtime not in RUNTIMES:
            yield InvalidConfig("runtime", self.runtime, f"must be {' or '.join(RUNTIMES)}")
        if self.cuda_version is not None and self.cuda_version not in CUDA_VERSIONS:
            yield InvalidConfig("cuda_version", self.cuda_version, f"must be {', '.join(CUDA_VERSIONS)}")
        for name in ("conda_file", "extra_docker_file_steps"):
            file = getattr(self, name)
            if file is not None and not (folder / file).is_file():
                yield InvalidConfig(name, file, "must be a file in the source directory")

    def environment(self, folder: Path) -> Environment | None:
        """The environment they describe; None for ``runtime`` alone, which names no packages."""
        if not self.given.keys() - {"runtime"}:
            return None
        made = Environment(_NAME)
        if self.conda_file is not None:
            made = Environment.from_conda_specification(_NAME, str(folder / self.conda_file))
        made.environment_variables = {}
        if self.base_image is not None:
            made.docker.base_image = self.base_image
        if self.base_image_registry is not None:
            made.docker.base_image_registry = self.base_image_registry
        if self.extra_docker_file_steps is not None:
            steps = folder / self.extra_docker_file_steps
            made.docker.extra_steps = steps.read_text(encoding="utf-8")
        made.docker.enable_gpu = bool(self.enable_gpu)
        made.docker.cuda_version = self.cuda_version
        return made
