"""`Image` and `ContainerImage`: image configurations of early versions of Azure ML v1, as what replaced them.

ContainerImage.image_configuration(execution_script, runtime, conda_file)    -> InferenceConfig
ContainerImage.create(workspace, name, models, image_config)                 -> Model.package
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlmagic.errors import UsageError
from mlmagic.sdk.conda import CondaDependencies
from mlmagic.sdk.environment import Environment
from mlmagic.sdk.exceptions import WebserviceException, raises
from mlmagic.sdk.inference import InferenceConfig
from mlmagic.sdk.model import Model
from mlmagic.sdk.workspace_base import WorkspaceBase


@raises(WebserviceException)
class Image:
    """Builds a Docker image of models, an entry script and an environment."""

    @staticmethod
    def create(
        workspace: WorkspaceBase, name: str, models: Sequence[Any], image_config: InferenceConfig
    ) -> Any:
        """Build the image; returns its `mlmagic.sdk.package.ModelPackage`."""
        return Model.package(workspace, list(models), image_config, image_name=name)

    @staticmethod
    def list(workspace: WorkspaceBase, *args: Any, **more: Any) -> Any:
        """Always empty: images are packages, which `Image.create` returns."""
        return []


@raises(WebserviceException)
class ContainerImage(Image):
    """A Docker image; `image_configuration` returns an `InferenceConfig`."""

    @staticmethod
    def image_configuration(
        execution_script: str,
        runtime: str = "python",
        conda_file: str | None = None,
        docker_file: str | None = None,
        schema_file: str | None = None,
        dependencies: Sequence[str] | None = None,
        enable_gpu: bool | None = None,
        tags: Any = None,
        properties: Any = None,
        description: str | None = None,
        base_image: str | None = None,
        base_image_registry: Any = None,
        **more: Any,
    ) -> InferenceConfig:
        """The entry script and its environment. ``runtime`` must be python; tags have no effect.

        Files in ``dependencies`` must be in the folder of the entry script. Raises `WebserviceException`.
        """
        if not runtime.lower().startswith("python"):
            raise UsageError(
                f"runtime {runtime!r} is not supported: mlmagic serves Python", hint='Use runtime="python".'
            )
        if dependencies:
            raise UsageError(
                f"dependencies {list(dependencies)!r} are not supported",
                hint="Put the files into one folder and use InferenceConfig(source_directory=...).",
            )
        environment = Environment(name="image")
        environment.python.conda_dependencies = (
            CondaDependencies(conda_file) if conda_file else CondaDependencies()
        )
        if base_image:
            environment.docker.base_image = base_image
        if base_image_registry is not None:
            environment.docker.base_image_registry = base_image_registry
        if docker_file:
            environment.docker.extra_steps = Path(docker_file).expanduser().read_text(encoding="utf-8")
        return InferenceConfig(
            entry_script=execution_script, environment=environment, description=description
        )
