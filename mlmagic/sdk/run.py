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
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlmagic.core.configuration import ResourceConfiguration
from mlmagic.core.model import as_labels
from mlmagic.errors import NotFound, UsageError
from mlmagic.scoring.shims.offline_run import OfflineRun
from mlmagic.sdk.exceptions import RunEnvironmentException, raises
from mlmagic.sdk.mlflow_artifacts import fetched
from mlmagic.sdk.model_registration import register_model
from mlmagic.sdk.workspace_base import WorkspaceBase
from mlmagic.workspace.atomic_writes import write_atomically

RUNNING, COMPLETED, FAILED, CANCELED = "Running", "Completed", "Failed", "Canceled"
RECORD = "run.json"


class Submittable(ABC):
    """Something that `Experiment.submit` can run: a `mlmagic.sdk.pipeline.Pipeline`."""

    @abstractmethod
    def begin(self, experiment: Experiment, parameters: Mapping[str, Any]) -> Run:
        """Start it in the background; returns its run."""


@raises(RunEnvironmentException)
class Experiment:
    """A named group of runs."""

    def __init__(self, workspace: WorkspaceBase, name: str, **more: Any) -> None:
        self.workspace, self.name = workspace, name

    @property
    def folder(self) -> Path:
        """The folder of its runs."""
        return self.workspace.folder / "runs" / self.name

    def start_logging(self, *, outputs: str | None = None, **more: Any) -> Run:
        """Start a run in this process."""
        return Run._begin(self, uuid.uuid4().hex, parent=None)

    def submit(
        self, config: Any, *, pipeline_parameters: Mapping[str, Any] | None = None, **more: Any
    ) -> Run:
        """Run a `mlmagic.sdk.pipeline.Pipeline` in the background. Training scripts are not supported."""
        if not isinstance(config, Submittable):
            raise UsageError(
                f"a {type(config).__name__} cannot be submitted: only a Pipeline of ParallelRunSteps can",
                hint="Train in your own process: run = experiment.start_logging().",
            )
        return config.begin(self, pipeline_parameters or {})

    def get_runs(self, type: str | None = None, tags: Any = None, **more: Any) -> Iterator[Run]:
        """All runs without a parent, newest first."""
        found = [Run(self, path.name) for path in self.folder.glob("*") if (path / RECORD).is_file()]
        found = [run for run in found if run._record["parent"] is None]
        return iter(sorted(found, key=lambda run: run._record["started"], reverse=True))

    def __repr__(self) -> str:
        return f"Experiment(name={self.name!r}, workspace={self.workspace.name!r})"


@raises(RunEnvironmentException)
class Run:
    """One run of an experiment, found by its id."""

    def __init__(self, experiment: Experiment, run_id: str, **more: Any) -> None:
        self.experiment, self.id = experiment, run_id
        if not self._file.is_file():
            known = [path.name for path in experiment.folder.glob("*")] if experiment.folder.is_dir() else []
            raise NotFound("run", run_id, known)

    @classmethod
    def _begin(cls, experiment: Experiment, run_id: str, parent: str | None) -> Run:
        folder = experiment.folder / run_id
        (folder / "outputs").mkdir(parents=True)
        record: dict[str, Any] = {
            "status": RUNNING,
            "parent": parent,
            "started": time.time(),
            "metrics": {},
            "tags": {},
            "properties": {},
        }
        write_atomically(folder / RECORD, json.dumps(record))
        return cls(experiment, run_id)

    @staticmethod
    def get_context(allow_offline: bool = True, **more: Any) -> OfflineRun:
        """The current run: always an `OfflineRun`, as processes do not belong to runs."""
        if not allow_offline:
            raise RunEnvironmentException(
                "no run is going on in this process",
                hint="Start one with Experiment(workspace, name).start_logging().",
            )
        return OfflineRun()

    # ---- logging ---------------------------------------------------------------------

    def log(self, name: str, value: float | str, description: str = "", **more: Any) -> None:
        """Log a value of a metric; values are kept in order."""
        with self._changing() as record:
            record["metrics"].setdefault(name, []).append(value)

    def log_list(self, name: str, value: Sequence[Any], description: str = "") -> None:
        """Log several values of a metric."""
        for each in value:
            self.log(name, each)

    def get_metrics(self, name: str | None = None, **more: Any) -> dict[str, Any]:
        """Metrics by name: one value, or a list if several were logged."""
        metrics = {
            key: values[0] if len(values) == 1 else values for key, values in self._record["metrics"].items()
        }
        return metrics if name is None else {name: metrics[name]} if name in metrics else {}

    def tag(self, key: str, value: str | None = None) -> None:
        """Set a tag."""
        with self._changing() as record:
            record["tags"][key] = "" if value is None else str(value)

    def add_properties(self, properties: Mapping[str, str]) -> None:
        """Set properties."""
        with self._changing() as record:
            record["properties"].update(as_labels(properties))

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

    def get_file_names(self) -> list[str]:
        """The paths of its stored files."""
        files = (path for path in self.folder.rglob("*") if path.is_file() and path.name != RECORD)
        return sorted(path.relative_to(self.folder).as_posix() for path in files)

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

    def complete(self) -> None:
        """Mark the run as completed."""
        self._end(COMPLETED)

    def fail(self, error_details: object = None, **more: Any) -> None:
        """Mark the run as failed."""
        self._end(FAILED)

    def cancel(self) -> None:
        """Mark the run as canceled."""
        self._end(CANCELED)

    def wait_for_completion(self, show_output: bool = False, **more: Any) -> dict[str, Any]:
        """The run's id and status; does not wait: the process that started the run ends it."""
        return {"runId": self.id, "status": self.status}

    @property
    def status(self) -> str:
        """Running, Completed, Failed or Canceled."""
        return str(self._record["status"])

    def get_status(self) -> str:
        """The `status`."""
        return self.status

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        return self.experiment.folder / self.id

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
        **more: Any,
    ) -> Any:
        """Register its files at ``model_path`` (default: the file or folder ``model_name``) as a model."""
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

    @property
    def _file(self) -> Path:
        return self.folder / RECORD

    @property
    def _record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(self._file.read_text(encoding="utf-8"))
        return record

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """The record to change; it is written back when the block ends."""
        record = self._record
        yield record
        write_atomically(self._file, json.dumps(record))

    def _end(self, status: str) -> None:
        with self._changing() as record:
            record["status"] = status

    def _stored(self, name: str) -> Path:
        place = self._place(name)
        if not place.exists():
            raise NotFound("path of the run", name, self.get_file_names())
        return place

    def _place(self, name: str) -> Path:
        place = (self.folder / name).resolve()
        if not place.is_relative_to(self.folder.resolve()) or place == self._file.resolve():
            raise UsageError(
                f"{name!r} lies outside of the run", hint="Use a path such as outputs/model.pkl."
            )
        return place

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if self.status == RUNNING:
            self._end(COMPLETED if error is None else FAILED)

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
