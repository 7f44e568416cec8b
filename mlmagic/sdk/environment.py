"""`Environment`: the packages, image and variables that a script needs.

An environment can be edited until it is registered; each registration is a version that never changes.
"""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmagic.core.curated import stand_in
from mlmagic.core.environment import DEFAULT_BASE_IMAGE
from mlmagic.engine.environments.observed_packages import (
    requirements_of_interpreter,
    requirements_of_notebook,
)
from mlmagic.errors import AlreadyExists, NotFound
from mlmagic.sdk import conda_sources, environment_json
from mlmagic.sdk.conda import CondaDependencies
from mlmagic.sdk.environment_sections import ContainerRegistry, DockerBuildContext, EnvironmentSections
from mlmagic.sdk.exceptions import UserErrorException, raises
from mlmagic.sdk.messages import show_line
from mlmagic.sdk.workspace_base import WorkspaceBase

LABEL_KIND = "environment label"
DEFAULT_CPU_IMAGE = DEFAULT_BASE_IMAGE
DEFAULT_GPU_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-cuda11.8-cudnn8-ubuntu22.04"
RESERVED = ("microsoft", "azureml")
JSON_FILE, CONDA_FILE, DOCKERFILE = "azureml_environment.json", "conda_dependencies.yml", "BaseDockerfile"


@dataclass(frozen=True)
class EnvironmentBuild:
    """A finished build, as `Environment.build` returns it."""

    python: Path
    """The environment's interpreter."""
    status: str = "Succeeded"

    def wait_for_completion(self, show_output: bool = True) -> EnvironmentBuild:
        """Does nothing: the build is complete."""
        return self


@raises(UserErrorException)
class Environment(EnvironmentSections):
    """An environment called ``name``. ``version`` is None until it is registered.

    Its values are edited as attributes: ``python.conda_dependencies``, ``docker.base_image``,
    ``environment_variables``, ...
    """

    def __init__(self, name: str | None = None, **more: Any) -> None:
        if more:
            raise UserErrorException(f"Environment has no argument {next(iter(more))!r}")
        super().__init__(name)

    # ---- created from a source --------------------------------------------------------------------

    @staticmethod
    def from_conda_specification(name: str, file_path: str) -> Environment:
        """From a conda YAML file."""
        made = Environment(name)
        made.python.conda_dependencies = conda_sources.of_specification(str(file_path))
        return made

    @staticmethod
    def from_pip_requirements(name: str, file_path: str, pip_version: str | None = None) -> Environment:
        """From a pip requirements file; comments are left out."""
        made = Environment(name)
        made.python.conda_dependencies = conda_sources.of_requirements(file_path, pip_version)
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
        """From an image."""
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
        """From a conda environment of this machine, by ``conda env export``."""
        made = Environment(name)
        made.python.conda_dependencies = conda_sources.of_conda_environment(conda_environment_name)
        return made

    @staticmethod
    def from_existing_interpreter(name: str, path: str) -> Environment:
        """From all packages that are installed for another Python of this machine, pinned."""
        return Environment.from_pins(name, *requirements_of_interpreter(str(Path(path).expanduser())))

    @staticmethod
    def from_notebook(name: str, shell: Any = None) -> Environment:
        """From the packages that the notebook's imports and values need, pinned to the kernel's versions.

        ``shell`` is an IPython shell; by default the one of this process.
        """
        from IPython import get_ipython

        shell = shell or get_ipython()
        if shell is None:
            raise UserErrorException(
                "there is no notebook here: this process has no IPython shell",
                hint="List the packages with CondaDependencies.",
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
        """From these packages only."""
        made = Environment(name)
        dependencies = CondaDependencies.create(
            pip_packages=list(pip_packages), conda_packages=conda_packages
        )
        if python_version is not None:
            dependencies.set_python_version(python_version)
        made.python.conda_dependencies = dependencies
        made.environment_variables = {}
        return made

    # ---- built on this machine -------------------------------------------------------------------

    def build_local(self, workspace: WorkspaceBase, platform: Any = None, **_more: Any) -> Path:
        """Build the environment on this machine if it is not built yet; returns its interpreter.

        Prints the progress. If the Python version is not on this machine, the nearest one is used, and a line
        says so. ``platform`` and Azure ML v1's other arguments have no effect.
        """
        return workspace.engine.environments.build(self.to_record(), nearest=True, report=print)

    def build(self, workspace: WorkspaceBase, image_build_compute: Any = None) -> EnvironmentBuild:
        """Build as `build_local` does; returns a finished build."""
        return EnvironmentBuild(self.build_local(workspace))

    # ---- registered versions -----------------------------------------------------------------------------

    @staticmethod
    def get(
        workspace: WorkspaceBase, name: str, version: str | None = None, label: str | None = None
    ) -> Environment:
        """A registered environment: the newest version, or that of ``version`` or ``label``."""
        if version is not None and label is not None:
            raise UserErrorException("give a version or a label, not both")
        if label not in (None, "latest", "Latest"):
            kept = workspace.engine.assets.get(LABEL_KIND, f"{name}:{label}")
            version = str(kept.record["labelled"])
        if stand_in(name) is not None:
            show_line(f"{name} is an environment of Azure's: here it has today's versions of its libraries.")
            version = None
        found = workspace.engine.environments.get(name, None if version is None else str(version))
        return Environment.from_record(found.record, str(found.version))

    @staticmethod
    def list(workspace: WorkspaceBase) -> dict[str, Environment]:
        """The newest version of each environment by name, curated ones included."""
        return {
            found.name: Environment.from_record(found.record, str(found.version))
            for found in workspace.engine.environments.list()
        }

    @staticmethod
    def versions(workspace: WorkspaceBase, name: str) -> tuple[str, ...]:
        """The registered versions, oldest first."""
        return tuple(str(version) for version in workspace.engine.environments.versions(name))

    def register(self, workspace: WorkspaceBase) -> Environment:
        """Register the next version; without a change since the newest version, that one is returned."""
        if not self.name:
            raise UserErrorException("an environment with no name cannot be registered", hint="Set its name.")
        if self.name.lower().startswith(RESERVED):
            raise UserErrorException(
                f"environment name {self.name!r} begins with {' or '.join(RESERVED)}, which is reserved"
            )
        kept = workspace.engine.environments.register(self.name, self.to_record())
        self.version = str(kept.version)
        return Environment.from_record(kept.record, self.version)

    def clone(self, new_name: str) -> Environment:
        """A copy under another name, not registered."""
        made = copy.deepcopy(self)
        made.name, made.version = new_name, None
        return made

    @staticmethod
    def label(workspace: WorkspaceBase, name: str, version: str, labels: Any) -> None:
        """Set labels to a version. The label ``latest`` always is the newest version's."""
        wanted = [labels] if isinstance(labels, str) else list(labels)
        if any(str(each).lower() == "latest" for each in wanted):
            raise UserErrorException(
                "the label 'latest' is always the newest version's", hint="Use another label."
            )
        found = workspace.engine.environments.get(name, str(version))
        for each in wanted:
            workspace.engine.assets.keep(LABEL_KIND, f"{name}:{each}", {"labelled": found.version})

    @staticmethod
    def add_private_pip_wheel(workspace: WorkspaceBase, file_path: str, exist_ok: bool = False) -> str:
        """Copy a wheel to the workspace's folder; returns its URL, for `add_pip_package`.

        The URL works on this machine only, not in the build of an image.
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
        """Write the environment as JSON, its conda specification and its Dockerfile into a new folder."""
        folder = Path(path).expanduser()
        if folder.exists() and not overwrite:
            raise AlreadyExists("folder", str(folder), hint="Pass overwrite=True.")
        folder.mkdir(parents=True, exist_ok=True)
        record = self.to_record()
        (folder / JSON_FILE).write_text(json.dumps(record, indent=4) + "\n", encoding="utf-8")
        if self.python.conda_dependencies is not None:
            self.python.conda_dependencies.save(str(folder / CONDA_FILE))
        if self.docker.base_dockerfile:
            (folder / DOCKERFILE).write_text(self.docker.base_dockerfile, encoding="utf-8")

    @staticmethod
    def load_from_directory(path: str) -> Environment:
        """Read a folder of `save_to_directory`; its conda file and Dockerfile override the JSON."""
        folder = Path(path).expanduser()
        file = folder / JSON_FILE
        if not file.is_file():
            raise NotFound("environment file", str(file))
        try:
            made = Environment.from_record(json.loads(file.read_text(encoding="utf-8")))
        except ValueError as error:
            raise UserErrorException(f"{file} is not JSON: {error}") from None
        if (folder / CONDA_FILE).is_file():
            made.python.conda_dependencies = CondaDependencies(str(folder / CONDA_FILE))
        if (folder / DOCKERFILE).is_file():
            made.docker.base_dockerfile = folder / DOCKERFILE
        return made

    def to_record(self) -> dict[str, Any]:
        """The environment as Azure ML v1's JSON."""
        return environment_json.record_of(self)

    @staticmethod
    def from_record(record: dict[str, Any], version: str | None = None) -> Environment:
        """The environment that Azure ML v1's JSON describes, of a registered ``version`` or unregistered."""
        made = Environment()
        environment_json.fill(made, record)
        made.version = version or record.get("version")
        return made

    def __repr__(self) -> str:
        return json.dumps(environment_json.shown(self.to_record()), indent=4)


def _with_packages(name: str, conda: str | None, pip: str | None) -> Environment:
    if conda and pip:
        raise UserErrorException("give a conda specification or pip requirements, not both")
    if conda:
        return Environment.from_conda_specification(name, conda)
    if pip:
        return Environment.from_pip_requirements(name, pip)
    made = Environment(name)
    # The image has its own Python.
    made.python.user_managed_dependencies = True
    return made
