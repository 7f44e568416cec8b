"""`OfflineRun`: the run of a process that belongs to no run."""

from __future__ import annotations

from typing import Any


class OfflineRun:
    """A run that prints what is logged and stores nothing."""

    id = "OfflineRun"

    def log(self, name: str, value: Any, description: str = "", **more: Any) -> None:
        """Print the metric."""
        print(f"Attempted to log scalar metric {name}:\n{value}")

    def log_list(self, name: str, value: Any, description: str = "") -> None:
        """Print the metric."""
        print(f"Attempted to log list metric {name}:\n{value}")

    def tag(self, key: str, value: str | None = None) -> None:
        """Does nothing."""

    def upload_file(self, name: str, path_or_stream: Any, **more: Any) -> None:
        """Does nothing."""

    def complete(self) -> None:
        """Does nothing."""

    def __repr__(self) -> str:
        return "OfflineRun()"
