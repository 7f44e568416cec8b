"""`PipelineEndpoint`: a name for the versions of a published pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlmagic.core.pipeline_urls import endpoint_path
from mlmagic.errors import NotFound, UsageError
from mlmagic.sdk.exceptions import UserErrorException, raises
from mlmagic.sdk.pipeline_run import PipelineRun
from mlmagic.sdk.published_pipeline import ACTIVE, DISABLED, STARTER, Pipelines, PublishedPipeline
from mlmagic.sdk.workspace_base import WorkspaceBase

KIND = "pipeline endpoint"
PipelineEndpoints = list["PipelineEndpoint"]
VersionNames = list[str]
"""Names for them, because `PipelineEndpoint.list` hides the built-in one in its class."""


@raises(UserErrorException)
class PipelineEndpoint:
    """Published pipelines as versions ``0``, ``1``, ... of one name; one of them is the default."""

    def __init__(self, workspace: WorkspaceBase, name: str) -> None:
        self.workspace, self.name = workspace, name
        workspace.engine.assets.get(KIND, name)

    @staticmethod
    def publish(
        workspace: WorkspaceBase, name: str, pipeline: Any, description: str | None = None, **more: Any
    ) -> PipelineEndpoint:
        """Create the endpoint with a pipeline or published pipeline as its default version.

        Raises `UserErrorException` if the name is taken.
        """
        published = _published(pipeline, name)
        record = {"pipelines": [published.id], "default": 0, "description": description or ""}
        workspace.engine.assets.keep(KIND, name, record, only_once=True)
        return PipelineEndpoint(workspace, name)

    @staticmethod
    def get(
        workspace: WorkspaceBase, id: str | None = None, name: str | None = None, **more: Any
    ) -> PipelineEndpoint:
        """The endpoint of that name; its id is its name. Raises `UserErrorException` if there is none."""
        return PipelineEndpoint(workspace, str(name or id))

    @staticmethod
    def list(workspace: WorkspaceBase, active_only: bool = True, **more: Any) -> PipelineEndpoints:
        """The endpoints, by name."""
        found = [PipelineEndpoint(workspace, asset.name) for asset in workspace.engine.assets.list(KIND)]
        return [each for each in found if not active_only or each.status == ACTIVE]

    get_all = list

    @property
    def id(self) -> str:
        """The name."""
        return self.name

    @property
    def description(self) -> str:
        """The description."""
        return str(self._record["description"])

    @property
    def status(self) -> str:
        """Active or Disabled."""
        return str(self._record.get("status", ACTIVE))

    @property
    def endpoint(self) -> str:
        """The URL of its REST endpoint: a POST starts a run of the default version; see `PublishedPipeline`.

        ``endpoint + "/0"`` is the URL of version 0.
        """
        return self.workspace.engine.pipeline_endpoints.url(endpoint_path(self.id), STARTER)

    def enable(self) -> None:
        """Allow `submit` and requests again."""
        self._keep({**self._record, "status": ACTIVE})

    def disable(self) -> None:
        """Refuse `submit` and requests, until `enable` is called."""
        self._keep({**self._record, "status": DISABLED})

    def check_active(self) -> None:
        """Raises `UserErrorException` if it is disabled."""
        if self.status != ACTIVE:
            raise UsageError(f"{KIND} {self.name!r} is disabled", hint="Call enable() first.")

    def add(self, pipeline: Any) -> None:
        """Add a pipeline as the next version; the default stays."""
        record = self._record
        published = _published(pipeline, self.name)
        self._keep({**record, "pipelines": [*record["pipelines"], published.id]})

    def add_default(self, pipeline: Any) -> None:
        """Add a pipeline as the next version and make it the default."""
        self.add(pipeline)
        self.set_default_version(str(len(self._record["pipelines"]) - 1))

    def set_default_version(self, version: str) -> None:
        """Set the default version."""
        self.get_pipeline(version)
        self._keep({**self._record, "default": int(version)})

    def set_default(self, pipeline: PublishedPipeline) -> None:
        """Make the latest version with this published pipeline the default.

        Raises `UserErrorException` if no version has it: `add` it first.
        """
        pipelines = self._record["pipelines"]
        versions = [number for number, id in enumerate(pipelines) if id == pipeline.id]
        if not versions:
            raise UsageError(
                f"published pipeline {pipeline.id!r} is not a version of {KIND} {self.name!r}",
                hint="Add it with add(), or with add_default().",
            )
        self.set_default_version(str(versions[-1]))

    def set_description(self, description: str) -> None:
        """Replace the description."""
        self._keep({**self._record, "description": description})

    def set_name(self, name: str) -> None:
        """Raises `UserErrorException`: the URL of the REST endpoint contains the name."""
        raise UsageError(
            f"{KIND} {self.name!r} cannot be renamed: its URL contains the name",
            hint=f"Create another one with PipelineEndpoint.publish(workspace, {name!r}, pipeline).",
        )

    def list_versions(self) -> VersionNames:
        """The versions, the oldest first: ``["0", "1", ...]``."""
        return [str(number) for number in range(len(self._record["pipelines"]))]

    def list_pipelines(self, active_only: bool = True) -> Pipelines:
        """The published pipelines of the versions, the oldest first."""
        found = [self.get_pipeline(version) for version in self.list_versions()]
        return [each for each in found if not active_only or each.status == ACTIVE]

    def get_default_version(self) -> str:
        """The default version."""
        return str(self._record["default"])

    def get_pipeline(self, version: str | None = None) -> PublishedPipeline:
        """The published pipeline of a version, by default of the default version."""
        record, versions = self._record, self.list_versions()
        wanted = str(record["default"] if version is None else version)
        if wanted not in versions:
            raise NotFound(f"version of {KIND} {self.name!r}", wanted, versions)
        return PublishedPipeline(self.workspace, record["pipelines"][int(wanted)])

    def submit(
        self,
        experiment_name: str,
        pipeline_parameters: Mapping[str, Any] | None = None,
        pipeline_version: str | None = None,
        continue_on_step_failure: bool | None = None,
        **more: Any,
    ) -> PipelineRun:
        """Run a version in the background, by default the default version."""
        self.check_active()
        pipeline = self.get_pipeline(pipeline_version)
        return pipeline.submit(self.workspace, experiment_name, pipeline_parameters, continue_on_step_failure)

    @property
    def _record(self) -> dict[str, Any]:
        return dict(self.workspace.engine.assets.get(KIND, self.name).record)

    def _keep(self, record: dict[str, Any]) -> None:
        self.workspace.engine.assets.keep(KIND, self.name, record)

    def __repr__(self) -> str:
        return f"PipelineEndpoint(name={self.name!r}, default={self.get_default_version()!r})"


def _published(pipeline: Any, name: str) -> PublishedPipeline:
    return pipeline if isinstance(pipeline, PublishedPipeline) else pipeline.publish(name)
