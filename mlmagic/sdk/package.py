"""`ModelPackage`: a package that is being made, or was, as in the first SDK."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from mlmagic.errors import MLMagicError
from mlmagic.sdk.background import Background
from mlmagic.sdk.environment import ContainerRegistry
from mlmagic.sdk.exceptions import WebserviceException, raises
from mlmagic.sdk.references import references

if TYPE_CHECKING:
    from mlmagic.sdk.inference import InferenceConfig
    from mlmagic.sdk.model import Model
    from mlmagic.sdk.workspace import Workspace

Packages = list["ModelPackage"]


@raises(WebserviceException)
class ModelPackage:
    """A package by its name: what `Model.package` returns, or one that is kept."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        self.workspace = workspace
        self._record = workspace.engine.packages.get(name)
        self._work: Background | None = None
        self._log = [*self._record.log]

    @classmethod
    def of(cls, workspace: Workspace, record: Package) -> ModelPackage:
        """The handle of a package as it is kept."""
        made = cls.__new__(cls)
        made.workspace, made._record, made._work, made._log = workspace, record, None, [*record.log]
        return made

    @staticmethod
    def list(workspace: Workspace) -> Packages:
        """The newest of each name."""
        return [ModelPackage.of(workspace, record) for record in workspace.engine.packages.list()]

    @property
    def name(self) -> str:
        """What the image is, or will be, called."""
        return self._record.name

    @property
    def state(self) -> str:
        """NotStarted, Running, Succeeded or Failed."""
        return str(self._record.state)

    @property
    def generate_dockerfile(self) -> bool:
        """Whether it is files, and no image."""
        return self._record.kind is not PackageKind.IMAGE

    @property
    def location(self) -> str | None:
        """The image's name with its label, or the path of the folder or file; None before it is made."""
        return self._record.location or None

    @property
    def digest(self) -> str:
        """SHA-256 of all that it was made from: the same for the same content."""
        return self._record.digest

    @property
    def error(self) -> str | None:
        """Why it has failed."""
        return self._record.error or None

    @property
    def package_build_log_uri(self) -> str | None:
        """Nowhere: `get_logs` has the text."""
        return None

    def wait_for_creation(self, show_output: bool = False) -> None:
        """Return when it is made; raises `WebserviceException` with the builder's words if it cannot be."""
        if self._work is not None:
            self._work.wait((lambda: self._log[-1] if self._log else "") if show_output else None)
        if show_output:
            print(f"Package creation {self.state}")

    def update_creation_state(self) -> None:
        """Nothing to do: the state is what it is now."""

    def get_logs(self, decode: bool = True, offset: int = 0) -> str:
        """All that the builder has said."""
        return "".join(f"{line}\n" for line in self._log)[offset:]

    def pull(self) -> None:
        """See that the Docker engine has the image. Raises for a package that is files."""
        self.workspace.engine.packages.pull(self._record)

    def save(self, output_directory: str) -> None:
        """Copy its files into a folder that is empty or not there. Raises for an image."""
        self.workspace.engine.packages.save(self._record, Path(output_directory))

    def push(self, repository: str, username: str | None = None, password: str | None = None) -> str:
        """Push the image to ``repository``, such as registry.example/team/name; returns its name there."""
        registry = Registry(repository.partition("/")[0], username, password)
        return self.workspace.engine.packages.push(self._record, repository, registry, self._log.append)

    def get_container_registry(self) -> ContainerRegistry:
        """Where the image is: the Docker engine's own store, which has no address."""
        registry = ContainerRegistry()
        host, slash, _ = (self.location or "").partition("/")
        registry.address = host if slash and ("." in host or ":" in host) else None
        return registry

    def serialize(self) -> dict[str, Any]:
        """As JSON: generateDockerfile, state, location."""
        return {
            "generateDockerfile": self.generate_dockerfile,
            "state": self.state,
            "location": self.location,
        }

    def _start(self, inference: CoreInferenceConfig | None, config: DeploymentConfig) -> None:
        engine, record = self.workspace.engine, self._record

        def run(work: Background) -> None:
            def tell(line: str) -> None:
                self._log.append(line)
                work.begin()

            try:
                self._record = engine.packages.create(
                    record.models,
                    inference,
                    kind=record.kind,
                    image_name=record.name,
                    image_label=record.label or None,
                    config=config,
                    report=tell,
                    notify=print,
                )
            except MLMagicError as error:
                self._record = replace(self._record, state=PackageState.FAILED, error=str(error))
                raise

        self._work = Background(run, f"package {record.name}")
        self._work.wait_for_begin()

    def __repr__(self) -> str:
        return f"ModelPackage(name={self.name!r}, state={self.state!r}, location={self.location!r})"


def begin(
    workspace: Workspace,
    models: Iterable[str | Model],
    inference_config: InferenceConfig | CoreInferenceConfig | None,
    kind: str,
    image_name: str | None,
    image_label: str | None,
) -> ModelPackage:
    """See `mlmagic.sdk.model.Model.package`."""
    engine = workspace.engine
    config, script = DeploymentConfig(), inference_config
    if script is not None and not isinstance(script, CoreInferenceConfig):
        script, config = script.for_engine(config)
    named = tuple(engine.models.get(reference).id for reference in references(engine, models))
    label = check_image_label(image_label) if image_label else ""
    name = check_image_name(image_name or DEFAULT_NAME)
    record = Package(name, PackageKind.parse(kind), named, 0.0, label, PackageState.RUNNING)
    made = ModelPackage.of(workspace, record)
    made._start(script, config)
    return made
