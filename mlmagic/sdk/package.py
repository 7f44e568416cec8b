"""`ModelPackage`: a package of models and their script, finished or being built."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.configuration import InferenceConfig as CoreInferenceConfig
from mlmagic.core.environment import Registry
from mlmagic.core.package import (
    DEFAULT_NAME,
    Package,
    PackageKind,
    PackageState,
    check_image_label,
    check_image_name,
)
from mlmagic.sdk.background import Background, BackgroundRecord
from mlmagic.sdk.environment_sections import ContainerRegistry
from mlmagic.sdk.exceptions import WebserviceException, raises
from mlmagic.sdk.inference import InferenceConfig
from mlmagic.sdk.messages import show_line
from mlmagic.sdk.model_references import ModelLike, model_ids
from mlmagic.sdk.workspace_base import WorkspaceBase

Packages = list["ModelPackage"]


@raises(WebserviceException)
class ModelPackage(BackgroundRecord[Package]):
    """A package, found by its name or returned by `Model.package`."""

    def __init__(self, workspace: WorkspaceBase, name: str) -> None:
        self._open(workspace, workspace.engine.packages.get(name))

    def _open(self, workspace: WorkspaceBase, record: Package) -> None:
        super()._open(workspace, record)
        self._log = [*record.log]

    @staticmethod
    def list(workspace: WorkspaceBase) -> Packages:
        """The newest package of each name."""
        return [ModelPackage.of(workspace, record) for record in workspace.engine.packages.list()]

    @property
    def generate_dockerfile(self) -> bool:
        """Whether the package is files instead of an image."""
        return self._record.kind is not PackageKind.IMAGE

    @property
    def location(self) -> str | None:
        """The image's name and label, or the path of the folder or file; None before it is built."""
        return self._record.location or None

    @property
    def digest(self) -> str:
        """SHA-256 of all inputs of the package."""
        return self._record.digest

    @property
    def error(self) -> str | None:
        """Why the package failed; None if it did not."""
        return self._record.error or None

    @property
    def package_build_log_uri(self) -> str | None:
        """None: `get_logs` returns the log."""
        return None

    def wait_for_creation(self, show_output: bool = False) -> None:
        """Wait until the package is built; raises `WebserviceException` with the build's error."""
        self._wait((lambda: self._log[-1] if self._log else "") if show_output else None)
        if show_output:
            print(f"Package creation {self.state}")

    def update_creation_state(self) -> None:
        """Does nothing: `state` is read when it is used."""

    def get_logs(self, decode: bool = True, offset: int = 0) -> str:
        """The log of the build."""
        return "".join(f"{line}\n" for line in self._log)[offset:]

    def pull(self) -> None:
        """Pull the image if the Docker engine does not have it. Raises for a package that is files."""
        self.workspace.engine.packages.pull(self._record)

    def save(self, output_directory: str) -> None:
        """Copy the files into a new or empty folder. Raises for an image."""
        self.workspace.engine.packages.save(self._record, Path(output_directory))

    def push(self, repository: str, username: str | None = None, password: str | None = None) -> str:
        """Push the image to ``repository``, such as registry.example/team/name; returns its name there."""
        registry = Registry(repository.partition("/")[0], username, password)
        return self.workspace.engine.packages.push(self._record, repository, registry, self._log.append)

    def get_container_registry(self) -> ContainerRegistry:
        """The registry of the image; without an address it is the Docker engine's own store."""
        registry = ContainerRegistry()
        host, slash, _ = (self.location or "").partition("/")
        registry.address = host if slash and ("." in host or ":" in host) else None
        return registry

    def serialize(self) -> dict[str, Any]:
        """The package as a dict of JSON values: generateDockerfile, state, location."""
        return {
            "generateDockerfile": self.generate_dockerfile,
            "state": self.state,
            "location": self.location,
        }

    def _start(
        self,
        inference: CoreInferenceConfig | None,
        config: DeploymentConfig,
        *,
        nearest: bool,
        test: bool,
    ) -> None:
        engine, record = self.workspace.engine, self._record

        def work(background: Background) -> Package:
            def report(line: str) -> None:
                self._log.append(line)
                background.begin()

            def say(line: str) -> None:
                self._log.append(line)
                show_line(line)

            return engine.packages.create(
                record.models,
                inference,
                kind=record.kind,
                image_name=record.name,
                image_label=record.label or None,
                config=config,
                nearest=nearest,
                test=test,
                report=report,
                notify=say,
            )

        self._begin(f"package {record.name}", work, PackageState.FAILED)

    def __repr__(self) -> str:
        return f"ModelPackage(name={self.name!r}, state={self.state!r}, location={self.location!r})"


def begin(
    workspace: WorkspaceBase,
    models: Iterable[ModelLike],
    inference_config: InferenceConfig | CoreInferenceConfig | None,
    kind: str,
    image_name: str | None,
    image_label: str | None,
    *,
    nearest: bool,
    test: bool = False,
    compile: bool | None = None,
) -> ModelPackage:
    """Start to build a package; see `mlmagic.sdk.model.Model.package`."""
    engine = workspace.engine
    config, script = DeploymentConfig(compile=compile), inference_config
    if isinstance(script, InferenceConfig):
        script, config = script.for_engine(config)
    named = tuple(engine.models.get(reference).id for reference in model_ids(engine, models))
    label = check_image_label(image_label) if image_label else ""
    name = check_image_name(image_name or DEFAULT_NAME)
    record = Package(name, PackageKind.parse(kind), named, 0.0, label, PackageState.RUNNING)
    made = ModelPackage.of(workspace, record)
    made._start(script, config, nearest=nearest, test=test)
    return made
