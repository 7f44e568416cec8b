"""`Run` and `Experiment`: runs that log metrics and files, and register models from them.

A run is a folder of the workspace: ``outputs/`` with the files, and ``run.json`` with its metrics, tags and
its parent. Outside of a run `Run.get_context` returns an `OfflineRun`, which prints what is logged.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Self

from mlmagic.core.configuration import ResourceConfiguration
from mlmagic.core.paths import join, join_part
from mlmagic.errors import InvalidConfig, NotFound, UsageError
from mlmagic.scoring.shims.offline_run import OfflineRun
from mlmagic.scoring.shims.recorded_run import (
    CANCELED,
    COMPLETED,
    FAILED,
    RECORD,
    RUNNING,
    RecordedRun,
)
from mlmagic.sdk.dataset import dataset_of_record
from mlmagic.sdk.exceptions import RunEnvironmentException, raises
from mlmagic.sdk.mlflow_artifacts import fetched
from mlmagic.sdk.model_registration import register_model
from mlmagic.sdk.workspace_base import WorkspaceBase
from mlmagic.workspace.atomic_writes import write_atomically
from mlmagic.workspace.identity import ProcessIdentity


class Submittable(ABC):
    """Something that `Experiment.submit` can run."""

    @abstractmethod
    def begin(
        self, experiment: Experiment, parameters: Mapping[str, Any], *, continue_on_step_failure: bool = False
    ) -> Run:
        """Start it in the background; returns its run."""


Experiments = list["Experiment"]
"""A name for it, because `Experiment.list` hides the built-in one in its class."""


@raises(RunEnvironmentException)
class Experiment:
    """A named group of runs."""

    def __init__(self, workspace: WorkspaceBase, name: str, **more: Any) -> None:
        self.workspace, self.name = workspace, name

    @property
    def folder(self) -> Path:
        """The folder of its runs."""
        return join_part(self.workspace.folder / "runs", self.name, "experiment name")

    @staticmethod
    def list(workspace: WorkspaceBase, **more: Any) -> Experiments:
        """The experiments that have runs, sorted by name."""
        found = {path.parent.parent.name for path in (workspace.folder / "runs").glob(f"*/*/{RECORD}")}
        return [Experiment(workspace, name) for name in sorted(found)]

    def start_logging(self, *, outputs: str | None = None, **more: Any) -> Run:
        """Start a run in this process."""
        return Run._begin(self, uuid.uuid4().hex, parent=None)

    def submit(
        self,
        config: Any,
        tags: Mapping[str, str] | None = None,
        *,
        pipeline_parameters: Mapping[str, Any] | None = None,
        continue_on_step_failure: bool | None = None,
        **more: Any,
    ) -> Run:
        """Run a `ScriptRunConfig` or a `Pipeline` in the background; returns its run.

        With ``continue_on_step_failure`` the steps that do not need a failed one run, too.
        """
        if not isinstance(config, Submittable):
            raise UsageError(
                f"a {type(config).__name__} cannot be submitted",
                hint="Submit a ScriptRunConfig or a Pipeline, or train in the notebook: "
                "run = experiment.start_logging().",
            )
        run = config.begin(
            self, pipeline_parameters or {}, continue_on_step_failure=bool(continue_on_step_failure)
        )
        if tags:
            run.set_tags(tags)
        return run

    def get_runs(self, type: str | None = None, tags: Any = None, **more: Any) -> Iterator[Run]:
        """All runs without a parent, newest first."""
        found = [Run(self, path.name) for path in self.folder.glob("*") if (path / RECORD).is_file()]
        found = [run for run in found if run._record["parent"] is None]
        return iter(sorted(found, key=lambda run: run._record["started"], reverse=True))

    def __repr__(self) -> str:
        return f"Experiment(name={self.name!r}, workspace={self.workspace.name!r})"


@raises(RunEnvironmentException)
class Run(RecordedRun):
    """One run of an experiment, found by its id."""

    _context: ClassVar[Run | None] = None
    """The run of this process."""

    def __init__(self, experiment: Experiment, run_id: str, **more: Any) -> None:
        super().__init__(join_part(experiment.folder, run_id, "run id"))
        self._experiment = experiment
        if not self._file.is_file():
            known = [path.name for path in experiment.folder.glob("*")] if experiment.folder.is_dir() else []
            raise NotFound("run", run_id, known)

    @classmethod
    def _begin(
        cls,
        experiment: Experiment,
        run_id: str,
        parent: str | None,
        status: str = RUNNING,
        inputs: Mapping[str, Any] | None = None,
        properties: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Self:
        folder = join_part(experiment.folder, run_id, "run id")
        (folder / "outputs").mkdir(parents=True)
        record: dict[str, Any] = {
            "status": status,
            "parent": parent,
            "started": time.time(),
            "metrics": {},
            "tags": dict(tags or {}),
            "properties": dict(properties or {}),
            "inputs": dict(inputs or {}),
            "owner": str(ProcessIdentity.current()),
        }
        write_atomically(folder / RECORD, json.dumps(record))
        return cls(experiment, run_id)

    @classmethod
    def get(cls, workspace: WorkspaceBase, run_id: str) -> Self:
        """The run with that id, of any experiment. Raises `RunEnvironmentException` if there is none."""
        found = sorted((workspace.folder / "runs").glob(f"*/*/{RECORD}"))
        for file in found:
            if file.parent.name == run_id:
                return cls(Experiment(workspace, file.parent.parent.name), run_id)
        raise NotFound("run", run_id, [file.parent.name for file in found])

    @staticmethod
    def set_context(run: Run | None) -> None:
        """Make a run the one of this process, which `get_context` returns."""
        Run._context = run

    @staticmethod
    def get_context(allow_offline: bool = True, **more: Any) -> Run | OfflineRun:
        """The run of the script that runs in this process; an `OfflineRun` in other processes."""
        if Run._context is not None:
            return Run._context
        if not allow_offline:
            raise RunEnvironmentException(
                "no run is going on in this process",
                hint="Start one with Experiment(workspace, name).start_logging().",
            )
        return OfflineRun()

    def upload_file(self, name: str, path_or_stream: Any, **more: Any) -> None:
        """Store a file in the run as ``name``, for example ``outputs/model.pkl``."""
        place = self._place(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        if hasattr(path_or_stream, "read"):
            content = path_or_stream.read()
            place.write_bytes(content if isinstance(content, bytes) else content.encode())
            return
        source = Path(path_or_stream).expanduser()
        if not source.is_file():
            raise NotFound("file", str(source))
        shutil.copyfile(source, place)

    def upload_folder(self, name: str, path: str, **more: Any) -> None:
        """Store a folder in the run as ``name``."""
        folder = Path(path).expanduser()
        if not folder.is_dir():
            raise NotFound("folder", str(folder))
        shutil.copytree(folder, self._place(name), dirs_exist_ok=True)

    def download_file(self, name: str, output_file_path: str | None = None, **more: Any) -> None:
        """Copy a stored file to ``output_file_path`` (default: the working folder)."""
        source = self._place(name)
        if not source.is_file():
            raise NotFound("file of the run", name, self.get_file_names())
        target = Path(output_file_path or Path(name).name).expanduser()
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)

    def child_run(self, name: str | None = None, **more: Any) -> Run:
        """Start a child run."""
        return Run._begin(self.experiment, name or uuid.uuid4().hex, parent=self.id)

    def get_children(self, **more: Any) -> Iterator[Run]:
        """The child runs."""
        for path in sorted(self.experiment.folder.glob(f"*/{RECORD}")):
            run = Run(self.experiment, path.parent.name)
            if run._record["parent"] == self.id:
                yield run

    @property
    def status(self) -> str:
        """Preparing, Running, Completed, Failed or Canceled.

        A run that was not complete when the process that began it ended has failed.
        """
        found = super().status
        if found in (COMPLETED, FAILED, CANCELED):
            return found
        owner = ProcessIdentity.parse(str(self._record.get("owner", "")))
        if owner is None or not owner.dead:
            return found
        self.add_properties({"error": "the process that began the run ended before the run was complete"})
        self.set_status(FAILED)
        return FAILED

    def cancel(self) -> None:
        """Mark the run as canceled."""
        self.set_status(CANCELED)

    def wait_for_completion(self, show_output: bool = False, **more: Any) -> dict[str, Any]:
        """The run's id and status; does not wait: the process that started the run ends it."""
        return {"runId": self.id, "status": self.status}

    @property
    def experiment(self) -> Experiment:
        """The experiment of the run."""
        return self._experiment

    @property
    def parent(self) -> Run | None:
        """The run that this one is a child of; None for a run of its own."""
        above = self._record["parent"]
        return Run(self.experiment, above) if above is not None else None

    def set_inputs(self, inputs: Mapping[str, Any]) -> None:
        """Record the inputs that `input_datasets` returns."""
        with self._changing() as record:
            record["inputs"] = dict(inputs)

    @property
    def input_datasets(self) -> dict[str, Any]:
        """The inputs by name: paths, or datasets for inputs in direct mode."""
        return {
            name: each["path"] if each["path"] is not None else dataset_of_record(each["dataset"])
            for name, each in self._record.get("inputs", {}).items()
        }

    def get_details(self) -> dict[str, Any]:
        """The run as a dict with Azure ML v1's keys."""
        record = self._record
        return {
            "runId": self.id,
            "status": self.get_status(),
            "startTimeUtc": datetime.fromtimestamp(record["started"], UTC).isoformat(),
            "properties": record["properties"],
            "error": record["properties"].get("error"),
        }

    def get_details_with_logs(self) -> dict[str, Any]:
        """The details, and the text of each log file by its path."""
        logs = {
            name: (self.folder / name).read_text(encoding="utf-8", errors="replace")
            for name in self.get_file_names()
            if name.startswith(("logs/", "user_logs/"))
        }
        return {**self.get_details(), "logFiles": logs}

    def get_portal_url(self) -> str:
        """The URL of the folder of its files on this machine."""
        return self.folder.as_uri()

    # ---- models ---------------------------------------------------------------------------------

    def register_model(
        self,
        model_name: str,
        model_path: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        description: str | None = None,
        datasets: Sequence[tuple[str, Any]] | None = None,
        sample_input_dataset: Any = None,
        sample_output_dataset: Any = None,
        resource_configuration: ResourceConfiguration | None = None,
        *,
        compile: bool = False,
        **more: Any,
    ) -> Any:
        """Register its files at ``model_path`` (default: the file or folder ``model_name``) as a model.

        ``compile`` is as for `Model.register`.
        """
        given = {
            name: value for name, value in locals().items() if name not in ("self", "model_path", "more")
        }
        return register_model(
            self.experiment.workspace,
            str(self._stored(model_path or model_name)),
            run_id=self.id,
            experiment_name=self.experiment.name,
            **given,
        )

    def get_best_child(self, metric: str, *, maximize: bool = True) -> Run:
        """The child run with the best last value of ``metric``."""
        scored = [
            (values[-1], run) for run in self.get_children() if (values := run._record["metrics"].get(metric))
        ]
        if not scored:
            raise UsageError(
                f"no child run of {self.id!r} has the metric {metric!r}",
                hint="Log it: child.log(metric, value).",
            )
        choose = max if maximize else min
        return choose(scored, key=lambda pair: pair[0])[1]

    # ---- inside ---------------------------------------------------------------------------------

    def _stored(self, name: str) -> Path:
        place = self._place(name)
        if not place.exists():
            raise NotFound("path of the run", name, self.get_file_names())
        return place

    def _place(self, name: str) -> Path:
        place = join(self.folder, name, "path in the run").resolve()
        if place == self._file.resolve():
            raise InvalidConfig("path in the run", name, "must not be the run's own record")
        return place

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if self.status == RUNNING:
            self.set_status(COMPLETED if error is None else FAILED)

    def __repr__(self) -> str:
        kind, experiment = type(self).__name__, self.experiment.name
        return f"{kind}(experiment={experiment!r}, id={self.id!r}, status={self.status!r})"


def files_of_run(workspace: WorkspaceBase, run_id: str, path: str, experiment: str | None) -> Path:
    """The files at ``path`` of a run of ``experiment``; without an experiment of an MLflow run.

    Raises `NotFound`.
    """
    if experiment is None:
        return fetched(f"runs:/{run_id}/{path}")
    return Run(Experiment(workspace, experiment), run_id)._stored(path)


def newest_runs(workspace: WorkspaceBase, most: int) -> list[Run]:
    """The runs without a parent that have changed last, at most ``most`` of them, in no order.

    Only their records are read: a workspace may have very many runs.
    """
    records = [(path.stat().st_mtime, path) for path in (workspace.folder / "runs").glob(f"*/*/{RECORD}")]
    found: list[Run] = []
    for _, path in sorted(records, reverse=True):
        run = Run(Experiment(workspace, path.parent.parent.name), path.parent.name)
        if run._record["parent"] is None:
            found.append(run)
            if len(found) == most:
                break
    return found
