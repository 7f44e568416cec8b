"""`DatasetConsumptionConfig`: a dataset as an input of a script or of a pipeline step."""

from __future__ import annotations

from typing import Any

DIRECT, MOUNT, DOWNLOAD = "direct", "mount", "download"


class DatasetConsumptionConfig:
    """A dataset as a named input; its files are read from their paths.

    As an argument of a script ``mount`` and ``download`` pass the path of the files, ``direct`` the id of the
    dataset. ``Run.get_context().input_datasets[name]`` is that path, or with ``direct`` the dataset.
    """

    def __init__(
        self, name: str, dataset: Any, mode: str = DIRECT, path_on_compute: str | None = None
    ) -> None:
        self.name, self.dataset = name, dataset
        self.mode, self.path_on_compute = mode, path_on_compute

    def __repr__(self) -> str:
        return f"DatasetConsumptionConfig(name={self.name!r}, dataset={self.dataset!r}, mode={self.mode!r})"

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """The input as a path; nothing is copied."""
        return DatasetConsumptionConfig(self.name, self.dataset, MOUNT, path_on_compute)

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """As `as_mount`: the files are on this machine."""
        return DatasetConsumptionConfig(self.name, self.dataset, DOWNLOAD, path_on_compute)

    def as_direct(self) -> DatasetConsumptionConfig:
        """The input as a dataset."""
        return DatasetConsumptionConfig(self.name, self.dataset, DIRECT)

    as_hdfs = as_mount
