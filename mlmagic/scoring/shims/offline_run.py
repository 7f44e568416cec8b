"""`OfflineRun`: the run of a process outside of any run; and `Run`, as a service has it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mlmagic.scoring.shims.exceptions import RunEnvironmentException
from mlmagic.scoring.shims.recorded_run import RUN_FOLDER, RecordedRun
from mlmagic.scoring.shims.unavailable import PartlyAvailable


class OfflineRun:
    """A run that prints what is logged and stores nothing."""

    id = "OfflineRun"

    def log(self, name: str, value: Any, description: str = "", **more: Any) -> None:
        """Print the metric."""
        print(f"Attempted to log scalar metric {name}:\n{value}")

    def log_list(self, name: str, value: Any, description: str = "") -> None:
        """Print the metric."""
        print(f"Attempted to log list metric {name}:\n{value}")

    def log_row(self, name: str, description: str | None = None, **values: Any) -> None:
        """Print the row."""
        print(f"Attempted to log row metric {name}:\n{values}")

    def log_table(self, name: str, value: Any, description: str = "") -> None:
        """Print the table."""
        print(f"Attempted to log table metric {name}:\n{value}")

    def log_image(self, name: str, path: Any = None, plot: Any = None, description: str = "") -> None:
        """Print the image's name."""
        print(f"Attempted to log image {name}")

    def get_metrics(self, *args: Any, **more: Any) -> dict[str, Any]:
        """Always empty: nothing is stored."""
        return {}

    def tag(self, key: str, value: str | None = None) -> None:
        """Does nothing."""

    def upload_file(self, name: str, path_or_stream: Any, **more: Any) -> None:
        """Does nothing."""

    def upload_folder(self, name: str, path: str, **more: Any) -> None:
        """Does nothing."""

    def add_properties(self, properties: Any) -> None:
        """Does nothing."""

    def flush(self, timeout_seconds: float = 300) -> None:
        """Does nothing."""

    def complete(self) -> None:
        """Does nothing."""

    def __repr__(self) -> str:
        return "OfflineRun()"


_OfflineRun = OfflineRun
"""The class's name in Azure ML v1."""


class Run(metaclass=PartlyAvailable):
    """In a service: only `get_context`."""

    @staticmethod
    def get_context(allow_offline: bool = True, **more: Any) -> RecordedRun | OfflineRun:
        """Return the run of this process; outside of a run, one that prints metrics.

        Raises `RunEnvironmentException` outside of a run unless ``allow_offline``.
        """
        if folder := os.environ.get(RUN_FOLDER):
            return RecordedRun(Path(folder))
        if not allow_offline:
            raise RunEnvironmentException(
                "A service belongs to no run. Call Run.get_context() without arguments."
            )
        return OfflineRun()
