"""`RecordedRun`: a run as a folder, with its metrics, tags and inputs in ``run.json``.

A script that mlmagic runs finds its folder in the environment variable `RUN_FOLDER`. This module needs the
standard library only, so that scripts can log from any environment.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlmagic.scoring.shims.exceptions import UserErrorException

RUN_FOLDER = "MLMAGIC_RUN_FOLDER"
RECORD = "run.json"
RUNNING, COMPLETED, FAILED, CANCELED = "Running", "Completed", "Failed", "Canceled"
_lock = threading.RLock()


class RecordedRun:
    """One run: metrics, tags, properties and files."""

    def __init__(self, folder: Path) -> None:
        self.id = folder.name
        self._folder = folder

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        return self._folder

    @property
    def experiment(self) -> Any:
        """Raise an error: there is no workspace in a separate environment."""
        raise UserErrorException(
            "This script runs in a separate environment, which has no workspace. "
            "Run it without an environment to use the environment of the notebook."
        )

    # ---- metrics ------------------------------------------------------------------------------

    def log(self, name: str, value: Any, description: str = "", **more: Any) -> None:
        """Log a value of a metric; values are kept in order."""
        with self._changing() as record:
            record["metrics"].setdefault(name, []).append(_plain(value))

    def log_list(self, name: str, value: Sequence[Any], description: str = "", **more: Any) -> None:
        """Log several values of a metric."""
        with self._changing() as record:
            record["metrics"].setdefault(name, []).extend(map(_plain, value))

    def log_row(self, name: str, description: str | None = None, **values: Any) -> None:
        """Log a row of a table: a value for each column."""
        self.log(name, {column: _plain(value) for column, value in values.items()})

    def log_table(self, name: str, value: Mapping[str, Any], description: str = "", **more: Any) -> None:
        """Log a table: a value or a list of values for each column."""
        self.log(name, {column: _plain(values) for column, values in value.items()})

    def log_image(
        self, name: str, path: str | None = None, plot: Any = None, description: str = "", **more: Any
    ) -> None:
        """Store an image file, or a figure of matplotlib as PNG, in the run as ``name``."""
        if plot is not None:
            target = self._place(name if Path(name).suffix else f"{name}.png")
            target.parent.mkdir(parents=True, exist_ok=True)
            plot.savefig(target)
        elif path is not None:
            self.upload_file(name if Path(name).suffix else f"{name}{Path(path).suffix}", path)

    def get_metrics(self, name: str | None = None, **more: Any) -> dict[str, Any]:
        """Metrics by name: one value, or a list if several were logged."""
        metrics = {
            key: values[0] if len(values) == 1 else values for key, values in self._record["metrics"].items()
        }
        return metrics if name is None else {name: metrics[name]} if name in metrics else {}

    # ---- tags and properties --------------------------------------------------------------------

    def tag(self, key: str, value: str | None = None) -> None:
        """Set a tag."""
        self.set_tags({key: "" if value is None else value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags."""
        with self._changing() as record:
            record["tags"].update({key: str(value) for key, value in tags.items()})

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Set properties."""
        with self._changing() as record:
            record["properties"].update({key: str(value) for key, value in properties.items()})

    def get_tags(self) -> dict[str, str]:
        """The tags."""
        return dict(self._record["tags"])

    def get_properties(self) -> dict[str, str]:
        """The properties."""
        return dict(self._record["properties"])

    # ---- inputs and files -----------------------------------------------------------------------

    @property
    def input_datasets(self) -> dict[str, Any]:
        """The inputs by name, as paths."""
        return {name: each["path"] for name, each in self._record.get("inputs", {}).items()}

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
            raise UserErrorException(f"File not found: {str(source)!r}")
        shutil.copyfile(source, place)

    def upload_folder(self, name: str, path: str, **more: Any) -> None:
        """Store a folder in the run as ``name``."""
        folder = Path(path).expanduser()
        if not folder.is_dir():
            raise UserErrorException(f"Folder not found: {str(folder)!r}")
        shutil.copytree(folder, self._place(name), dirs_exist_ok=True)

    def get_file_names(self) -> list[str]:
        """The paths of its stored files."""
        files = (path for path in self.folder.rglob("*") if path.is_file() and path.name != RECORD)
        return sorted(path.relative_to(self.folder).as_posix() for path in files)

    # ---- state --------------------------------------------------------------------------------------

    @property
    def status(self) -> str:
        """Preparing, Running, Completed, Failed or Canceled."""
        return str(self._record["status"])

    def get_status(self) -> str:
        """The `status`."""
        return self.status

    def set_status(self, status: str) -> None:
        """Set the `status`."""
        with self._changing() as record:
            record["status"] = status

    def complete(self, **more: Any) -> None:
        """Mark the run as completed."""
        self.set_status(COMPLETED)

    def fail(self, error_details: object = None, **more: Any) -> None:
        """Mark the run as failed."""
        self.set_status(FAILED)

    def flush(self, timeout_seconds: float = 300) -> None:
        """Does nothing: metrics are stored when they are logged."""

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
        """Yield the record, and write it when the block ends."""
        with _lock:
            record = self._record
            yield record
            draft = self._file.with_name(f".{RECORD}.{os.getpid()}")
            draft.write_text(json.dumps(record), encoding="utf-8")
            draft.replace(self._file)

    def _place(self, name: str) -> Path:
        folder = self.folder.resolve()
        place = (folder / name.replace("\0", "")).resolve()
        if "\0" in name or folder not in place.parents or place == self._file.resolve():
            raise UserErrorException(
                f"{name!r} is not a path inside the run. Use a path such as outputs/model.pkl."
            )
        return place


def _plain(value: Any) -> Any:
    """Convert numbers and arrays of numpy to numbers and lists."""
    return value.tolist() if hasattr(value, "tolist") else value
