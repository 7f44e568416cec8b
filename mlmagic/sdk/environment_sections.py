"""The parts of an `Environment`: its Python packages, its image, its registry; edited as attributes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlmagic.core.environment import DEFAULT_BASE_IMAGE
from mlmagic.core.paths import join
from mlmagic.errors import NotFound
from mlmagic.sdk.conda import CondaDependencies

DATABRICKS: Mapping[str, Any] = {
    "mavenLibraries": [],
    "pypiLibraries": [],
    "rcranLibraries": [],
    "jarLibraries": [],
    "eggLibraries": [],
}


class ContainerRegistry:
    """The registry an image is pulled from, with user and password."""

    def __init__(self) -> None:
        self.address: str | None = None
        self.username: str | None = None
        self.password: str | None = None

    def __repr__(self) -> str:
        return f"ContainerRegistry(address={self.address!r}, username={self.username!r})"


@dataclass(eq=False)
class DockerBuildContext:
    """A folder with a Dockerfile to build an image from."""

    location: str
    dockerfile_path: str = "Dockerfile"

    @classmethod
    def from_local_directory(cls, workspace: object, path: str, dockerfile_path: str = "Dockerfile") -> Any:
        """The context in a folder on this machine. Raises `NotFound` without a Dockerfile."""
        if not join(Path(path).expanduser(), dockerfile_path, "path of the Dockerfile").is_file():
            raise NotFound("Dockerfile", str(Path(path) / dockerfile_path))
        return cls(path, dockerfile_path)


@dataclass(eq=False)
class PythonSection:
    """The Python interpreter and its packages."""

    interpreter_path: str = "python"
    user_managed_dependencies: bool = False
    conda_dependencies: CondaDependencies | None = field(default_factory=CondaDependencies)
    conda_dependencies_file: str | None = None
    base_conda_environment: str | None = None


class DockerSection:
    """The image: a name, a Dockerfile or a build context. Setting one of these resets the others."""

    _SOURCES = ("base_image", "base_dockerfile", "build_context")

    def __init__(self) -> None:
        self._base_image: str | None = DEFAULT_BASE_IMAGE
        self._base_dockerfile: str | None = None
        self._build_context: DockerBuildContext | None = None
        self.base_image_registry = ContainerRegistry()
        self.platform = {"os": "Linux", "architecture": "amd64"}
        self.extra_steps: str | None = None
        """Lines added to the end of the Dockerfile (``extra_docker_file_steps`` of InferenceConfig)."""
        self.keep_base_image = False
        """Use the base image even if it is one of Azure's, which mlmagic replaces by its own."""
        self.enable_gpu = False
        self.cuda_version: str | None = None
        self.enabled = False
        self.shared_volumes = True
        self.arguments: list[str] = []
        self.shm_size: str | None = "2g"

    @property
    def base_image(self) -> str | None:
        """The name of the base image."""
        return self._base_image

    @base_image.setter
    def base_image(self, image: str | None) -> None:
        self._set("base_image", image)

    @property
    def base_dockerfile(self) -> str | None:
        """The text of a Dockerfile; may be set to a path or an open file."""
        return self._base_dockerfile

    @base_dockerfile.setter
    def base_dockerfile(self, given: Any) -> None:
        if hasattr(given, "read"):
            given = given.read()
        elif isinstance(given, str | Path) and "\n" not in str(given) and Path(given).is_file():
            given = Path(given).read_text(encoding="utf-8")
        self._set("base_dockerfile", given)

    @property
    def build_context(self) -> DockerBuildContext | None:
        """The folder the image is built from."""
        return self._build_context

    @build_context.setter
    def build_context(self, context: DockerBuildContext | None) -> None:
        self._set("build_context", context)

    @property
    def gpu_support(self) -> bool:
        """True, without effect: the compute target decides whether there is a GPU."""
        return True

    def __repr__(self) -> str:
        source = next((name for name in self._SOURCES if getattr(self, name) is not None), "base_image")
        return f"DockerSection({source}={getattr(self, source)!r})"

    def _set(self, which: str, value: Any) -> None:
        for other in self._SOURCES:
            held = getattr(self, f"_{other}")
            if other != which and value is not None and held is not None:
                if held != DEFAULT_BASE_IMAGE:
                    warnings.warn(f"docker.{other} is reset: docker.{which} was set", stacklevel=4)
                setattr(self, f"_{other}", None)
        setattr(self, f"_{which}", value)


class EnvironmentSections:
    """All values of an environment, at first with Azure ML v1's defaults."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        self.version: str | None = None
        self.python = PythonSection()
        self.docker = DockerSection()
        self.environment_variables: dict[str, str] = {"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"}
        self.inferencing_stack_version: str | None = None
        self.spark: dict[str, Any] = {"repositories": [], "packages": [], "precachePackages": True}
        self.databricks: dict[str, Any] = dict(DATABRICKS)
        self.r: Any = None
        self.asset_id: str | None = None
