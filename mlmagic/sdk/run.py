"""`Run` and `Experiment`: what registering a model from a run needs of them, as in the first SDK.

A run is a folder of the workspace: ``outputs/`` with the files, and ``run.json`` with its metrics, tags and
its parent. `Run.get_context` in a process without a run gives one that only prints.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core.configuration import ResourceConfiguration
from mlmagic.core.model import as_labels
from mlmagic.errors import NotFound, UsageError
from mlmagic.sdk.describing import described
from mlmagic.sdk.exceptions import RunEnvironmentException, raises
from mlmagic.sdk.model import Model
from mlmagic.workspace.atomic_writes import write_atomically

if TYPE_CHECKING:
    from mlmagic.sdk.workspace import Workspace

RUNNING, COMPLETED, FAILED, CANCELED = "Running", "Completed", "Failed", "Canceled"
RECORD = "run.json"


@raises(RunEnvironmentException)
class Experiment:
    """Runs under one name."""

    def __init__(self, workspace: Workspace, name: str, **more: Any) -> None:
        self.workspace, self.name = workspace, name

    @property
    def folder(self) -> Path:
        """Where its runs lie."""
        return self.workspace.folder / "runs" / self.name

    def start_logging(self, *, outputs: str | None = None, **more: Any) -> Run:
        """Begin a run in this process."""
        return Run._begin(self, uuid.uuid4().hex, parent=None)

    def submit(
        self, config: Any, *, pipeline_parameters: Mapping[str, Any] | None = None, **more: Any
    ) -> Run:
        """Begin a pipeline, see `mlmagic.sdk.pipeline`. Scripts of training are not run here."""
        from mlmagic.sdk.pipeline import Pipeline, begin

        if not isinstance(config, Pipeline):
            raise UsageError(
                f"a {type(config).__name__} cannot be submitted here: a Pipeline of ParallelRunSteps can",
                hint="Training happens in your own process: experiment.start_logging().",
            )
        return begin(self, config, pipeline_parameters or {})

    def get_runs(self, type: str | None = None, tags: Any = None, **more: Any) -> Iterator[Run]:
        """All runs that are no other's children, newest first."""
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
        """The run that this process belongs to: none here, and `OfflineRun` stands in for it."""
        if not allow_offline:
            raise RunEnvironmentException(
                "no run is going on in this process",
                hint="Experiment(workspace, name).start_logging() begins one.",
            )
        return OfflineRun()

    # ---- what happens in it ---------------------------------------------------------------------

    def log(self, name: str, value: float | str, description: str = "", **more: Any) -> None:
        """Note a metric; of several the values are kept in order."""
        with self._changing() as record:
            record["metrics"].setdefault(name, []).append(value)

    def log_list(self, name: str, value: Sequence[Any], description: str = "") -> None:
        """Note several values of a metric."""
        for each in value:
            self.log(name, each)

    def get_metrics(self, name: str | None = None, **more: Any) -> dict[str, Any]:
        """By name: one value, or a list where there were several."""
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
        """Keep a file as ``name``, such as ``outputs/model.pkl``."""
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
        """Keep a folder as ``name``."""
        folder = Path(path).expanduser()
        if not folder.is_dir():
            raise NotFound("folder", str(folder))
        shutil.copytree(folder, self._place(name), dirs_exist_ok=True)

    def get_file_names(self) -> list[str]:
        """What it has kept."""
        files = (path for path in self.folder.rglob("*") if path.is_file() and path.name != RECORD)
        return sorted(path.relative_to(self.folder).as_posix() for path in files)

    def download_file(self, name: str, output_file_path: str | None = None, **more: Any) -> None:
        """Copy a file out of it."""
        source = self._place(name)
        if not source.is_file():
            raise NotFound("file of the run", name, self.get_file_names())
        target = Path(output_file_path or Path(name).name).expanduser()
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)

    def child_run(self, name: str | None = None, **more: Any) -> Run:
        """Begin a run inside of this one."""
        return Run._begin(self.experiment, name or uuid.uuid4().hex, parent=self.id)

    def get_children(self, **more: Any) -> Iterator[Run]:
        """The runs inside of this one."""
        for path in sorted(self.experiment.folder.glob(f"*/{RECORD}")):
            run = Run(self.experiment, path.parent.name)
            if run._record["parent"] == self.id:
                yield run

    def complete(self) -> None:
        """It has come to its end."""
        self._end(COMPLETED)

    def fail(self, error_details: object = None, **more: Any) -> None:
        """It has failed."""
        self._end(FAILED)

    def cancel(self) -> None:
        """It was given up."""
        self._end(CANCELED)

    def wait_for_completion(self, show_output: bool = False, **more: Any) -> dict[str, Any]:
        """What is known of it; a run here is done by whoever began it."""
        return {"runId": self.id, "status": self.status}

    @property
    def status(self) -> str:
        """Running, Completed, Failed or Canceled."""
        return str(self._record["status"])

    def get_status(self) -> str:
        """The same."""
        return self.status

    @property
    def folder(self) -> Path:
        """Where its files lie."""
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
    ) -> Model:
        """Register what it has kept at ``model_path`` (by default a file or folder called ``model_name``)."""
        source = self._place(model_path or model_name)
        if not source.exists():
            raise NotFound("path of the run", model_path or model_name, self.get_file_names())
        details = described(
            model_name,
            tags=tags,
            properties=properties,
            description=description,
            datasets=datasets,
            model_framework=model_framework,
            model_framework_version=model_framework_version,
            sample_input_dataset=sample_input_dataset,
            sample_output_dataset=sample_output_dataset,
            resource_configuration=resource_configuration,
            run_id=self.id,
            experiment_name=self.experiment.name,
        )
        engine = self.experiment.workspace.engine
        return Model.of(engine, engine.models.register(str(source), details, notify=print))

    def get_best_child(self, metric: str, *, maximize: bool = True) -> Run:
        """The run inside of this one with the best last value of ``metric``."""
        scored = [
            (values[-1], run) for run in self.get_children() if (values := run._record["metrics"].get(metric))
        ]
        if not scored:
            raise UsageError(f"no run inside of {self.id!r} has the metric {metric!r}")
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
        """The record, to be changed; it is written back whole."""
        record = self._record
        yield record
        write_atomically(self._file, json.dumps(record))

    def _end(self, status: str) -> None:
        with self._changing() as record:
            record["status"] = status

    def _place(self, name: str) -> Path:
        place = (self.folder / name).resolve()
        if not place.is_relative_to(self.folder.resolve()) or place == self._file.resolve():
            raise UsageError(f"{name!r} lies outside of the run")
        return place

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if self.status == RUNNING:
            self._end(COMPLETED if error is None else FAILED)

    def __repr__(self) -> str:
        return f"Run(experiment={self.experiment.name!r}, id={self.id!r}, status={self.status!r})"


@raises(RunEnvironmentException)
class AutoMLRun(Run):
    """A run whose children are attempts at one task; the best of them counts."""

    def get_output(
        self, iteration: int | None = None, metric: str | None = None, **more: Any
    ) -> tuple[Run, Any]:
        """The best child and its model (``outputs/model.pkl``), loaded."""
        wanted = metric or self._record["properties"].get("primary_metric")
        if not wanted:
            raise UsageError(
                "the best child is best by a metric", hint="Give metric=, or set the property primary_metric."
            )
        best = self.get_best_child(wanted)
        import joblib

        return best, joblib.load(best.folder / "outputs" / "model.pkl")


class OfflineRun:
    """Stands in where no run is going on: what is logged is printed."""

    id = "OfflineRun"

    def log(self, name: str, value: Any, description: str = "", **more: Any) -> None:
        """Print it."""
        print(f"Attempted to log scalar metric {name}:\n{value}")

    def log_list(self, name: str, value: Any, description: str = "") -> None:
        """Print it."""
        print(f"Attempted to log list metric {name}:\n{value}")

    def tag(self, key: str, value: str | None = None) -> None:
        """Nowhere to keep it."""

    def upload_file(self, name: str, path_or_stream: Any, **more: Any) -> None:
        """Nowhere to keep it."""

    def complete(self) -> None:
        """Nothing to end."""
