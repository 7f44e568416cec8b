"""`PublishedPipeline`: a pipeline that is stored in the workspace, to be submitted again later.

Its folder has a copy of the folders of its scripts, ``steps.pickle``, and ``pipeline.json`` with its name.
"""

from __future__ import annotations

import io
import json
import pickle
import shutil
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlmagic.core.folders import copy_folder
from mlmagic.core.paths import join_part
from mlmagic.core.pipeline_urls import pipeline_path
from mlmagic.errors import NotFound, UsageError
from mlmagic.sdk.compute import ComputeTarget
from mlmagic.sdk.exceptions import UserErrorException, raises
from mlmagic.sdk.pipeline_run import PipelineRun, begin
from mlmagic.sdk.pipeline_step import PipelineStep
from mlmagic.sdk.run import Experiment, Submittable
from mlmagic.sdk.workspace_base import WorkspaceBase
from mlmagic.workspace.atomic_writes import write_atomically
from mlmagic.workspace.location import Location

RECORD, STEPS, SOURCES = "pipeline.json", "steps.pickle", "sources"
ACTIVE, DISABLED = "Active", "Disabled"
STARTER = "mlmagic.sdk.requested_run"
"""The module that starts a run for a request, as a process."""
Pipelines = list["PublishedPipeline"]
"""A name for it, because `PublishedPipeline.list` hides the built-in one in its class."""


@raises(UserErrorException)
class PublishedPipeline(Submittable):
    """A stored pipeline, found by its id."""

    def __init__(self, workspace: WorkspaceBase, id: str) -> None:
        self.workspace, self.id = workspace, id
        if not (self.folder / RECORD).is_file():
            known = [path.parent.name for path in _root(workspace).glob(f"*/{RECORD}")]
            raise NotFound("published pipeline", id, known)

    @staticmethod
    def get(workspace: WorkspaceBase, id: str, **more: Any) -> PublishedPipeline:
        """The published pipeline with that id. Raises `UserErrorException` if there is none."""
        return PublishedPipeline(workspace, id)

    @staticmethod
    def list(workspace: WorkspaceBase, active_only: bool = True, **more: Any) -> Pipelines:
        """The published pipelines, oldest first."""
        files = _root(workspace).glob(f"*/{RECORD}")
        found = [PublishedPipeline(workspace, file.parent.name) for file in files]
        found.sort(key=lambda each: each._record["published"])
        return [each for each in found if not active_only or each.status == ACTIVE]

    get_all = list

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        return join_part(_root(self.workspace), self.id, "id of a published pipeline")

    @property
    def name(self) -> str:
        """The name, which need not be unique."""
        return str(self._record["name"])

    @property
    def description(self) -> str:
        """The description."""
        return str(self._record["description"])

    @property
    def version(self) -> str:
        """The version, as given when it was published."""
        return str(self._record["version"])

    @property
    def status(self) -> str:
        """Active or Disabled."""
        return str(self._record["status"])

    @property
    def endpoint(self) -> str:
        """The URL of its REST endpoint: a POST starts a run.

        requests.post(published_pipeline.endpoint,
                      headers=InteractiveLoginAuthentication().get_authentication_header(),
                      json={"ExperimentName": "batch_scoring", "ParameterAssignments": {"name": "value"}})

        The supervisor daemon of this machine runs the server, from the first time that a URL is read.
        """
        return self.workspace.engine.pipeline_endpoints.url(pipeline_path(self.id), STARTER)

    @property
    def python(self) -> str:
        """The interpreter that published it, which runs it on requests; empty for earlier versions."""
        return str(self._record.get("python", ""))

    def enable(self) -> None:
        """Allow `submit` and requests again."""
        self._set_status(ACTIVE)

    def disable(self) -> None:
        """Refuse `submit` and requests, until `enable` is called."""
        self._set_status(DISABLED)

    def submit(
        self,
        workspace: WorkspaceBase,
        experiment_name: str,
        pipeline_parameters: Mapping[str, Any] | None = None,
        continue_on_step_failure: bool | None = None,
        **more: Any,
    ) -> PipelineRun:
        """Run the pipeline in the background. Raises `UserErrorException` if it is disabled."""
        return self.begin(
            Experiment(workspace, experiment_name),
            pipeline_parameters or {},
            continue_on_step_failure=bool(continue_on_step_failure),
        )

    def begin(
        self,
        experiment: Experiment,
        parameters: Mapping[str, Any],
        *,
        continue_on_step_failure: bool = False,
        run_id: str | None = None,
        properties: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> PipelineRun:
        """Run the pipeline in the background; see `Experiment.submit`.

        The run has the id ``run_id``, if it is given, the ``properties`` and the ``tags``.
        """
        self.check_active()
        return begin(
            experiment,
            self.steps(),
            parameters,
            continue_on_step_failure=continue_on_step_failure,
            run_id=run_id,
            properties=properties,
            tags=tags,
        )

    def check_active(self) -> None:
        """Raises `UserErrorException` if it is disabled."""
        if self.status != ACTIVE:
            raise UsageError(f"published pipeline {self.name!r} is disabled", hint="Call enable() first.")

    def steps(self) -> Sequence[PipelineStep]:
        """Its steps, in the order in which they run."""
        found: Sequence[PipelineStep] = pickle.loads((self.folder / STEPS).read_bytes())
        return found

    def parameters(self) -> dict[str, Any]:
        """The parameters of its steps: their defaults by their names."""
        return {name: value for step in self.steps() for name, value in step.parameters.items()}

    @property
    def _record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
        return record

    def _set_status(self, status: str) -> None:
        write_atomically(self.folder / RECORD, json.dumps({**self._record, "status": status}))

    def __repr__(self) -> str:
        return f"PublishedPipeline(name={self.name!r}, id={self.id!r}, status={self.status!r})"


def _root(workspace: WorkspaceBase) -> Path:
    folder = workspace.folder / "published-pipelines"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class _Pickler(pickle.Pickler):
    """Stores workspaces by their location, and compute targets, which have no effect, by their name."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, WorkspaceBase):
            return _opened, (type(value), value.location_json)
        if isinstance(value, ComputeTarget):
            return str, (value.name,)
        return NotImplemented


def _pickled(steps: Any) -> bytes:
    written = io.BytesIO()
    _Pickler(written, protocol=4).dump(steps)
    return written.getvalue()


def _opened(kind: Any, location: str) -> Any:
    return kind(Location.from_json(location))


def publish(
    workspace: WorkspaceBase, steps: Sequence[PipelineStep], name: str, description: str, version: str
) -> PublishedPipeline:
    """Store steps with copies of the folders of their scripts; see `Pipeline.publish`."""
    for step in steps:
        step.prepare({})
    id = str(uuid.uuid4())
    folder = _root(workspace) / id
    draft = folder.with_name(f".{id}")
    copies = pickle.loads(_pickled(list(steps)))
    try:
        for number, step in enumerate(copies):
            source = Path(step.source_directory or ".").expanduser().absolute()
            copied = Path(SOURCES) / str(number)
            copy_folder(source, draft / copied, leave_out=(".git", "__pycache__"))
            step.move_to(str(folder / copied))
        (draft / STEPS).write_bytes(_pickled(copies))
        record: dict[str, Any] = {
            "name": name,
            "description": description,
            "version": version,
            "status": ACTIVE,
        }
        record |= {"published": time.time(), "python": sys.executable}
        (draft / RECORD).write_text(json.dumps(record), encoding="utf-8")
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return PublishedPipeline(workspace, id)


PipelineRun.publisher = publish
