"""The attributes of a registered model, read from its record. See `mlmagic.sdk.model.Model`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from mlmagic.core import model as core
from mlmagic.core.compiled_models import words_of
from mlmagic.core.configuration import ResourceConfiguration
from mlmagic.sdk.exceptions import WebserviceException, raises
from mlmagic.sdk.workspace_base import WorkspaceBase

if TYPE_CHECKING:
    from mlmagic.engine.engine import Engine


@raises(WebserviceException)
class ModelAttributes:
    """The record of one version as it was when the object was made or last changed through it."""

    mime_type: ClassVar[str] = "application/x-python"
    created_by: ClassVar[str] = ""
    """Empty: a workspace has no user accounts."""
    unpack, url, parent_id, derived_model_ids = False, "", None, ()

    workspace: WorkspaceBase
    _record: core.Model

    @property
    def _engine(self) -> Engine:
        return self.workspace.engine

    @property
    def name(self) -> str:
        """The name that all versions share."""
        return self._record.name

    @property
    def version(self) -> int:
        """1, 2, 3, ...; the number of a deleted version is not used again."""
        return self._record.version

    @property
    def id(self) -> str:
        """``name:version``."""
        return self._record.id

    @property
    def tags(self) -> dict[str, str]:
        """Text by text; may change."""
        return dict(self._record.tags)

    @property
    def properties(self) -> dict[str, str]:
        """Text by text; properties can be added and never change."""
        return dict(self._record.properties)

    @property
    def description(self) -> str:
        """The description given at registration or by `update`."""
        return self._record.details.description

    @property
    def model_framework(self) -> str | None:
        """ScikitLearn, Onnx, ...; None if it was not given and cannot be detected."""
        return self._record.framework

    @property
    def model_framework_version(self) -> str | None:
        """The version of that framework."""
        return self._record.details.framework_version

    @property
    def libraries(self) -> dict[str, str]:
        """Version by distribution that the stored object was made with; empty for files."""
        return dict(self._record.details.libraries)

    @property
    def sample_input(self) -> Any:
        """An example of a request's body as JSON values; None without one."""
        return self._record.details.sample_input

    @property
    def sample_output(self) -> Any:
        """The response to `sample_input`."""
        return self._record.details.sample_output

    @property
    def resource_configuration(self) -> ResourceConfiguration | None:
        """The CPU cores, memory (GB) and GPUs that a service of the model needs."""
        return self._record.details.resource_configuration

    @property
    def created_time(self) -> datetime:
        """When the version was registered (UTC)."""
        return datetime.fromtimestamp(self._record.created_time, UTC)

    @property
    def files(self) -> list[str]:
        """Paths inside the model, as a script finds them under AZUREML_MODEL_DIR."""
        return [file.path for file in self._record.files]

    @property
    def compilation(self) -> list[str]:
        """What compiling the model gave, a line for each file; empty if nobody has compiled it.

        For example ``Compiled: predict (equal to 1e-12 on 2,000 rows)`` or ``Not compiled: REASON``.
        """
        return list(words_of(self._record.compiled))

    @property
    def size(self) -> int:
        """The size of all files in bytes."""
        return self._record.size

    @property
    def run_id(self) -> str | None:
        """The id of the run that produced the model."""
        return self._record.details.run_id or None

    @property
    def experiment_name(self) -> str | None:
        """The experiment of that run."""
        return self._record.details.experiment_name or None

    @property
    def datasets(self) -> dict[str, list[str]]:
        """Ids of the datasets the model was made of, by scenario."""
        found: dict[str, list[str]] = {}
        for scenario, dataset in self._record.details.datasets:
            found.setdefault(scenario, []).append(dataset)
        return found

    def get_sas_urls(self) -> dict[str, str]:
        """The URL of each stored file, by path."""
        return {file.path: self._engine.memory.files.url(file.digest) for file in self._record.files}

    def serialize(self) -> dict[str, Any]:
        """The model as a dict of JSON values, with Azure ML v1's keys."""
        resources = self.resource_configuration
        return {
            "createdTime": self.created_time.isoformat(),
            "createdBy": self.created_by,
            "description": self.description,
            "id": self.id,
            "mimeType": self.mime_type,
            "name": self.name,
            "framework": self.model_framework,
            "frameworkVersion": self.model_framework_version,
            "tags": self.tags,
            "properties": self.properties,
            "unpack": self.unpack,
            "url": self.url,
            "version": self.version,
            "experimentName": self.experiment_name,
            "runId": self.run_id,
            "runDetails": None,
            "datasets": self.datasets,
            "resourceConfiguration": resources
            and {"cpu": resources.cpu, "memoryInGB": resources.memory_in_gb, "gpu": resources.gpu},
            "sampleInputDatasetId": None,
            "sampleOutputDatasetId": None,
        }

    def __repr__(self) -> str:
        return (
            f"Model(name={self.name!r}, id={self.id!r}, version={self.version}, "
            f"tags={self.tags}, properties={self.properties})"
        )
