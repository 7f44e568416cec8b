"""`Model`: a handle of one registered version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core import model as core
from mlmagic.core.configuration import DeploymentConfig, InferenceConfig, ResourceConfiguration

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine
    from mlmagic.sdk.webservice import Webservice
    from mlmagic.sdk.workspace import Workspace


class Model:
    """One version of a model. Tags and description may change; files and properties do not."""

    def __init__(self, engine: Engine, record: core.Model) -> None:
        self._engine = engine
        self._record = record

    @property
    def name(self) -> str:
        return self._record.name

    @property
    def version(self) -> int:
        return self._record.version

    @property
    def id(self) -> str:
        """``name:version``."""
        return self._record.id

    @property
    def tags(self) -> dict[str, str]:
        return dict(self._record.tags)

    @property
    def properties(self) -> dict[str, str]:
        return dict(self._record.properties)

    @property
    def description(self) -> str:
        return self._record.details.description

    @property
    def model_framework(self) -> str | None:
        return self._record.framework

    @property
    def model_framework_version(self) -> str | None:
        return self._record.details.framework_version

    @property
    def libraries(self) -> dict[str, str]:
        """Distribution -> version the stored object was made with; empty for files."""
        return dict(self._record.details.libraries)

    @property
    def sample_input(self) -> Any:
        return self._record.details.sample_input

    @property
    def sample_output(self) -> Any:
        return self._record.details.sample_output

    @property
    def resource_configuration(self) -> ResourceConfiguration | None:
        return self._record.details.resource_configuration

    @property
    def created_time(self) -> datetime:
        """UTC."""
        return datetime.fromtimestamp(self._record.created_time, UTC)

    @property
    def files(self) -> list[str]:
        """Paths inside the model, as a script finds them under AZUREML_MODEL_DIR."""
        return [file.path for file in self._record.files]

    @property
    def size(self) -> int:
        """Bytes."""
        return self._record.size

    def add_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags, replacing those of the same key."""
        self._change(tags={**self.tags, **tags})

    def remove_tags(self, keys: str | Iterable[str]) -> None:
        """Remove tags; those that are not there are silent."""
        gone = {keys} if isinstance(keys, str) else set(keys)
        self._change(tags={key: value for key, value in self.tags.items() if key not in gone})

    def add_properties(self, properties: Mapping[str, str]) -> None:
        """Add properties; raises `UsageError` for a key that is set already: properties never change."""
        self._change(add_properties=dict(properties))

    def update(self, *, tags: Mapping[str, str] | None = None, description: str | None = None) -> None:
        """Replace the tags, or the description, or both."""
        self._change(tags=tags, description=description)

    def download(self, target_dir: str | Path = ".", exist_ok: bool = False) -> str:
        """Copy the files into ``target_dir``; refuses to overwrite unless ``exist_ok``."""
        return str(self._engine.download_model(self.id, Path(target_dir).expanduser(), exist_ok=exist_ok))

    def delete(self) -> None:
        """Forget this version; raises `UsageError` with their names while services use it."""
        self._engine.delete_model(self.id)

    @staticmethod
    def deploy(
        workspace: Workspace,
        name: str,
        models: Iterable[str | Model],
        inference_config: InferenceConfig | None = None,
        deployment_config: DeploymentConfig | None = None,
        overwrite: bool = False,
    ) -> Webservice:
        """Deploy a service; without ``inference_config`` the models are served as they are.

        Returns at once, see `Webservice.wait_for_deployment`.
        """
        from mlmagic.sdk.webservice import Webservice

        references = [model.id if isinstance(model, Model) else model for model in models]
        engine = workspace.engine
        record = engine.deploy(name, references, inference_config, deployment_config, overwrite=overwrite)
        return Webservice(engine, record)

    def _change(self, **changes: Any) -> None:
        self._record = self._engine.change_model(self.id, **changes)

    def __repr__(self) -> str:
        return (
            f"Model(name={self.name!r}, id={self.id!r}, version={self.version}, "
            f"tags={self.tags}, properties={self.properties})"
        )
