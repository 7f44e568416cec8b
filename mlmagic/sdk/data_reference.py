"""`DataReference` and `DataPath`: paths in a datastore, as scripts and pipeline steps take them."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class DataPath:
    """A path in a datastore."""

    def __init__(
        self, datastore: Any = None, path_on_datastore: str | None = None, name: str | None = None
    ) -> None:
        self.datastore, self.path_on_datastore = datastore, path_on_datastore or ""
        self.name = name or (datastore.name if datastore is not None else None)

    @property
    def path(self) -> Path:
        """The path on this machine; files of other storage are copied first."""
        return Path(self.datastore.fetch(self.path_on_datastore))

    def create_compute_binding(
        self, mode: str = "mount", path_on_compute: str | None = None, overwrite: bool = False
    ) -> DataPathComputeBinding:
        """How a script reads the path."""
        return DataPathComputeBinding(mode, path_on_compute, overwrite)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, path={self.path_on_datastore!r})"


class DataReference(DataPath):
    """A path in a datastore as an input or argument of a script; the script gets the path of the files."""

    def __init__(
        self,
        datastore: Any,
        data_reference_name: str | None = None,
        path_on_datastore: str | None = None,
        mode: str = "mount",
        path_on_compute: str | None = None,
        overwrite: bool = False,
    ) -> None:
        super().__init__(datastore, path_on_datastore, data_reference_name)
        self.data_reference_name = self.name
        self.mode, self.path_on_compute, self.overwrite = mode, path_on_compute, overwrite

    def path_in(self, path: str) -> DataReference:
        """The reference of a path below this one."""
        return DataReference(self.datastore, self.name, f"{self.path_on_datastore}/{path}".lstrip("/"))

    def as_mount(self) -> DataReference:
        """Read the files from their datastore; returns itself."""
        self.mode = "mount"
        return self

    def as_download(self, path_on_compute: str | None = None, overwrite: bool = False) -> DataReference:
        """As `as_mount`: the datastore is on this machine."""
        self.mode, self.path_on_compute, self.overwrite = "download", path_on_compute, overwrite
        return self

    def as_upload(self, path_on_compute: str | None = None, overwrite: bool = False) -> DataReference:
        """As `as_mount`: the datastore is on this machine."""
        self.mode, self.path_on_compute, self.overwrite = "upload", path_on_compute, overwrite
        return self


class DataPathComputeBinding:
    """How a script reads a `DataPath`. All modes read the files from the datastore."""

    def __init__(
        self, mode: str = "mount", path_on_compute: str | None = None, overwrite: bool = False
    ) -> None:
        self.mode, self.path_on_compute, self.overwrite = mode, path_on_compute, overwrite

    def __repr__(self) -> str:
        return f"DataPathComputeBinding(mode={self.mode!r})"
