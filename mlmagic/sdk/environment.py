"""`Environment`: what a script needs around it, as in the first SDK: packages, an image, variables.

It is edited freely, and frozen when it is registered: each registration is a version.
"""

from __future__ import annotations

import copy
import json
import shutil
import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core.environment import DEFAULT_BASE_IMAGE
from mlmagic.engine.environments.observed_packages import (
    requirements_of_interpreter,
    requirements_of_notebook,
)
from mlmagic.errors import AlreadyExists, NotFound
from mlmagic.sdk import environment_json
from mlmagic.sdk.conda import CondaDependencies
from mlmagic.sdk.exceptions import UserErrorException, raises

if TYPE_CHECKING:
    from mlmagic.sdk.workspace import Workspace

LABEL_KIND = "environment label"
DEFAULT_CPU_IMAGE = DEFAULT_BASE_IMAGE
DEFAULT_GPU_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-cuda11.8-cudnn8-ubuntu22.04"
RESERVED = ("microsoft", "azureml")
JSON_FILE, CONDA_FILE, DOCKERFILE = "azureml_environment.json", "conda_dependencies.yml", "BaseDockerfile"


class ContainerRegistry:
    """Where an image is pulled from, and as whom."""

    def __init__(self) -> None:
        self.address: str | None = None
        self.username: str | None = None
        self.password: str | None = None

    def __repr__(self) -> str:
        return f"ContainerRegistry(address={self.address!r}, username={self.username!r})"


class DockerBuildContext:
    """A folder with a Dockerfile."""

    def __init__(self, location: str, dockerfile_path: str = "Dockerfile") -> None:
        self.location = location
        self.dockerfile_path = dockerfile_path

    @classmethod
    def from_local_directory(cls, workspace: object, path: str, dockerfile_path: str = "Dockerfile") -> Any:
        """Of a folder on this machine."""
        if not (Path(path).expanduser() / dockerfile_path).is_file():
            raise NotFound("Dockerfile", str(Path(path) / dockerfile_path))
        return cls(path, dockerfile_path)


class PythonSection:
    """The interpreter and its packages."""

    def __init__(self) -> None:
        self.interpreter_path = "python"
        self.user_managed_dependencies = False
        self.conda_dependencies: CondaDependencies | None = CondaDependencies()
        self.conda_dependencies_file: str | None = None
        self.base_conda_environment: str | None = None


class DockerSection:
    """The image: one by name, or made from a Dockerfile or a folder. Setting one resets the others."""

    _SOURCES = ("base_image", "base_dockerfile", "build_context")

    def __init__(self) -> None:
        self._base_image: str | None = DEFAULT_BASE_IMAGE
        self._base_dockerfile: str | None = None
        self._build_context: DockerBuildContext | None = None
        self.base_image_registry = ContainerRegistry()
        self.platform = {"os": "Linux", "architecture": "amd64"}
        self.extra_steps: str | None = None
        """Lines for the end of the Dockerfile (``extra_docker_file_steps`` of InferenceConfig)."""
        self.enable_gpu = False
        self.cuda_version: str | None = None
        self.enabled = False
        self.shared_volumes = True
        self.arguments: list[str] = []
        self.shm_size: str | None = "2g"

    @property
    def base_image(self) -> str | None:
        """The image's name."""
        return self._base_image

    @base_image.setter
    def base_image(self, image: str | None) -> None:
        self._set("base_image", image)

    @property
    def base_dockerfile(self) -> str | None:
        """The text of a Dockerfile; a path or an open file may be set."""
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
        """The folder it is built from."""
        return self._build_context

    @build_context.setter
    def build_context(self, context: DockerBuildContext | None) -> None:
        self._set("build_context", context)

    @property
    def gpu_support(self) -> bool:
        """Says nothing: whether there is a GPU is a matter of the place."""
        return True

    def _set(self, which: str, value: Any) -> None:
        for other in self._SOURCES:
            held = getattr(self, f"_{other}")
            if other != which and value is not None and held is not None:
                if held != DEFAULT_BASE_IMAGE:
                    warnings.warn(f"docker.{other} is reset: docker.{which} was set", stacklevel=4)
                setattr(self, f"_{other}", None)
        setattr(self, f"_{which}", value)


@dataclass(frozen=True)
class EnvironmentBuild:
    """What `Environment.build` made: there when it returns, so there is nothing to wait for."""

    python: Path
    """Its interpreter."""
    status: str = "Succeeded"

    def wait_for_completion(self, show_output: bool = True) -> EnvironmentBuild:
        """It is complete."""
        return self


@raises(UserErrorException)
class Environment:
    """An environment called ``name``; ``version`` is None until it is registered."""

    def __init__(self, name: str | None = None, **more: Any) -> None:
        if more:
            raise UserErrorException(f"Environment has no argument {next(iter(more))!r}")
        self.name = name
        self.version: str | None = None
        self.python = PythonSection()
        self.docker = DockerSection()
        self.environment_variables: dict[str, str] = {"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"}
        self.inferencing_stack_version: str | None = None
        self.spark: dict[str, Any] = {"repositories": [], "packages": [], "precachePackages": True}
        self.databricks: dict[str, Any] = dict(environment_json.DATABRICKS)
        self.r: Any = None
        self.asset_id: str | None = None

    # ---- made from something --------------------------------------------------------------------

    @staticmethod
    def from_conda_specification(name: str, file_path: str) -> Environment:
        """From a conda YAML file."""
        made = Environment(name)
        dependencies = CondaDependencies(str(file_path))
        if dependencies.get_python_version() is None:
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            warnings.warn(
                f"{file_path} names no Python version: it becomes {version}, this one", stacklevel=3
            )
            dependencies.set_python_version(version)
        made.python.conda_dependencies = dependencies
        return made

    @staticmethod
    def from_pip_requirements(name: str, file_path: str, pip_version: str | None = None) -> Environment:
        """From a pip requirements file; comments are left out."""
        path = Path(file_path).expanduser()
        if not path.is_file():
            raise NotFound("requirements file", str(path), hint=f"The working folder is {Path.cwd()}.")
        lines = [line.partition(" #")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
        wanted = [line for line in lines if line and not line.startswith("#")]
        made = Environment(name)
        dependencies = CondaDependencies.create(
            pip_packages=[line for line in wanted if not line.startswith("-")],
            python_version=f"{sys.version_info.major}.{sys.version_info.minor}",
        )
        for option in reversed([line for line in wanted if line.startswith("-")]):
            dependencies.set_pip_option(option)
        if pip_version:
            dependencies.add_conda_package(f"pip={pip_version}")
        made.python.conda_dependencies = dependencies
        return made

    @staticmethod
    def from_dockerfile(
        name: str,
        dockerfile: str,
        conda_specification: str | None = None,
        pip_requirements: str | None = None,
    ) -> Environment:
        """From a Dockerfile, given as text or as a path."""
        made = _with_packages(name, conda_specification, pip_requirements)
        made.docker.base_dockerfile = dockerfile
        return made

    @staticmethod
    def from_docker_image(
        name: str,
        image: str,
        container_registry: ContainerRegistry | None = None,
        conda_specification: str | None = None,
        pip_requirements: str | None = None,
    ) -> Environment:
        """From an image by its name."""
        made = _with_packages(name, conda_specification, pip_requirements)
        made.docker.base_image = image
        if container_registry is not None:
            made.docker.base_image_registry = container_registry
        return made

    @staticmethod
    def from_docker_build_context(name: str, docker_build_context: DockerBuildContext) -> Environment:
        """From a folder with a Dockerfile."""
        made = _with_packages(name, None, None)
        made.docker.build_context = docker_build_context
        return made

    @staticmethod
    def from_existing_conda_environment(name: str, conda_environment_name: str) -> Environment:
        """From what ``conda env export`` says of an environment on this machine."""
        import shutil
        import subprocess

        conda = next(filter(None, map(shutil.which, ("conda", "mamba", "micromamba"))), None)
        if conda is None:
            raise NotFound("program", "conda", hint="Install conda or micromamba, or name the packages.")
        said = subprocess.run(
            [conda, "env", "export", "--no-builds", "-n", conda_environment_name],
            capture_output=True,
            text=True,
        )
        if said.returncode:
            raise UserErrorException(
                f"conda environment {conda_environment_name!r} cannot be read: {said.stderr.strip()}"
            )
        import yaml

        made = Environment(name)
        made.python.conda_dependencies = CondaDependencies(_underlying_structure=yaml.safe_load(said.stdout))
        return made

    @staticmethod
    def from_existing_interpreter(name: str, path: str) -> Environment:
        """All that is installed in another Python of this machine, pinned."""
        return Environment.from_pins(name, *requirements_of_interpreter(str(Path(path).expanduser())))

    @staticmethod
    def from_notebook(name: str, shell: Any = None) -> Environment:
        """What the notebook imports and its values are made of, pinned to what its kernel has.

        ``shell`` is IPython's, this process's own by default.
        """
        from IPython import get_ipython

        shell = shell or get_ipython()
        if shell is None:
            raise UserErrorException(
                "there is no notebook here", hint="Name the packages: CondaDependencies."
            )
        cells = shell.history_manager.input_hist_raw if shell.history_manager else []
        shown = {key: value for key, value in shell.user_ns.items() if key not in shell.user_ns_hidden}
        return Environment.from_pins(name, *requirements_of_notebook(shown, cells))

    @staticmethod
    def from_pins(
        name: str,
        python_version: str | None,
        pip_packages: Iterable[str] = (),
        conda_packages: Iterable[str] = (),
    ) -> Environment:
        """From packages named one by one, and no others."""
        made = Environment(name)
        dependencies = CondaDependencies.create(
            pip_packages=list(pip_packages), conda_packages=conda_packages
        )
        if python_version is not None:
            dependencies.set_python_version(python_version)
        made.python.conda_dependencies = dependencies
        made.environment_variables = {}
        return made

    # ---- made on this machine -------------------------------------------------------------------

    def build_local(self, workspace: Workspace, platform: Any = None, **_more: Any) -> Path:
        """Make it on this machine, unless it is there; returns its interpreter. Progress is printed.

        ``platform``, ``useDocker`` and the like change nothing here. Another Python than it asks for is taken
        where that is not on this machine, and told.
        """
        return workspace.engine.environments.build(self._record(), nearest_python=True, report=print)

    def build(self, workspace: Workspace, image_build_compute: Any = None) -> EnvironmentBuild:
        """`build_local`, begun and ended: what is returned has succeeded."""
        return EnvironmentBuild(self.build_local(workspace))

    # ---- registered -----------------------------------------------------------------------------

    @staticmethod
    def get(
        workspace: Workspace, name: str, version: str | None = None, label: str | None = None
    ) -> Environment:
        """A registered one: the newest version, or the one named by ``version`` or ``label``."""
        if version is not None and label is not None:
            raise UserErrorException("give a version or a label, not both")
        if label not in (None, "latest", "Latest"):
            kept = workspace.engine.assets.get(LABEL_KIND, f"{name}:{label}")
            version = str(kept.record["labelled"])
        found = workspace.engine.environments.get(name, None if version is None else str(version))
        return Environment._from_record(found.record, str(found.version))

    @staticmethod
    def list(workspace: Workspace) -> dict[str, Environment]:
        """The newest version of each, by name, and the curated ones."""
        return {
            found.name: Environment._from_record(found.record, str(found.version))
            for found in workspace.engine.environments.list()
        }

    @staticmethod
    def versions(workspace: Workspace, name: str) -> tuple[str, ...]:
        """Those that are registered, oldest first."""
        return tuple(str(version) for version in workspace.engine.environments.versions(name))

    def register(self, workspace: Workspace) -> Environment:
        """Record it as the next version; the same as the newest is that one, and no new version."""
        if not self.name:
            raise UserErrorException("the environment has no name to be registered by")
        if self.name.lower().startswith(RESERVED):
            raise UserErrorException(
                f"environment name {self.name!r} begins with {' or '.join(RESERVED)}, which is reserved"
            )
        kept = workspace.engine.environments.register(self.name, self._record())
        self.version = str(kept.version)
        return Environment._from_record(kept.record, self.version)

    def clone(self, new_name: str) -> Environment:
        """The same under another name, not registered."""
        made = copy.deepcopy(self)
        made.name, made.version = new_name, None
        return made

    @staticmethod
    def label(workspace: Workspace, name: str, version: str, labels: Any) -> None:
        """Have each of ``labels`` mean that version from now on; ``latest`` always means the newest."""
        wanted = [labels] if isinstance(labels, str) else list(labels)
        if any(str(each).lower() == "latest" for each in wanted):
            raise UserErrorException("the label 'latest' is always the newest version's")
        found = workspace.engine.environments.get(name, str(version))
        for each in wanted:
            workspace.engine.assets.keep(LABEL_KIND, f"{name}:{each}", {"labelled": found.version})

    @staticmethod
    def add_private_pip_wheel(workspace: Workspace, file_path: str, exist_ok: bool = False) -> str:
        """Keep a wheel in the workspace's folder; returns its address, for `add_pip_package`.

        It can be had on this machine; an image has to be able to reach it otherwise.
        """
        wheel = Path(file_path).expanduser()
        if not wheel.is_file():
            raise NotFound("wheel", str(wheel), hint=f"The working folder is {Path.cwd()}.")
        place = workspace.folder / "wheels" / wheel.name
        if place.exists() and not exist_ok:
            raise AlreadyExists("wheel", wheel.name, hint="Pass exist_ok=True to replace it.")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(wheel, place)
        return place.as_uri()

    # ---- as files -------------------------------------------------------------------------------

    def save_to_directory(self, path: str, overwrite: bool = False) -> None:
        """Write it as JSON, its conda specification and its Dockerfile, into a new folder."""
        folder = Path(path).expanduser()
        if folder.exists() and not overwrite:
            raise AlreadyExists("folder", str(folder), hint="Pass overwrite=True.")
        folder.mkdir(parents=True, exist_ok=True)
        record = self._record()
        (folder / JSON_FILE).write_text(json.dumps(record, indent=4) + "\n", encoding="utf-8")
        if self.python.conda_dependencies is not None:
            self.python.conda_dependencies.save(str(folder / CONDA_FILE))
        if self.docker.base_dockerfile:
            (folder / DOCKERFILE).write_text(self.docker.base_dockerfile, encoding="utf-8")

    @staticmethod
    def load_from_directory(path: str) -> Environment:
        """What `save_to_directory` has written; the conda file and the Dockerfile there count."""
        folder = Path(path).expanduser()
        file = folder / JSON_FILE
        if not file.is_file():
            raise NotFound("environment file", str(file))
        try:
            made = Environment._from_record(json.loads(file.read_text(encoding="utf-8")))
        except ValueError as error:
            raise UserErrorException(f"{file} is not JSON: {error}") from None
        if (folder / CONDA_FILE).is_file():
            made.python.conda_dependencies = CondaDependencies(str(folder / CONDA_FILE))
        if (folder / DOCKERFILE).is_file():
            made.docker.base_dockerfile = folder / DOCKERFILE
        return made

    def _record(self) -> dict[str, Any]:
        """As the documents' JSON."""
        return environment_json.record_of(self)

    @staticmethod
    def _from_record(record: dict[str, Any], version: str | None = None) -> Environment:
        made = Environment()
        environment_json.fill(made, record)
        made.version = version or record.get("version")
        return made

    def __repr__(self) -> str:
        return json.dumps(self._record(), indent=4)


def _with_packages(name: str, conda: str | None, pip: str | None) -> Environment:
    if conda and pip:
        raise UserErrorException("give a conda specification or pip requirements, not both")
    if conda:
        return Environment.from_conda_specification(name, conda)
    if pip:
        return Environment.from_pip_requirements(name, pip)
    made = Environment(name)
    # The image brings its own Python.
    made.python.user_managed_dependencies = True
    return made
