"""`Datastore`: a folder of the workspace that files are uploaded to."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlmagic.core.folders import files_below
from mlmagic.errors import AlreadyExists, NotFound
from mlmagic.sdk.data_reference import DataPath, DataReference
from mlmagic.sdk.exceptions import UserErrorException, raises
from mlmagic.sdk.workspace_base import WorkspaceBase

DEFAULT_NAME = "workspaceblobstore"


@raises(UserErrorException)
class Datastore:
    """A named folder for files; ``Datastore(workspace)`` is the default one."""

    def __init__(self, workspace: WorkspaceBase, name: str | None = None) -> None:
        self.workspace = workspace
        self.name = name or DEFAULT_NAME
        self.folder = workspace.folder / "datastores" / self.name
        if self.name != DEFAULT_NAME and not self.folder.is_dir():
            there = self.folder.parent
            known = [path.name for path in there.iterdir()] if there.is_dir() else []
            raise NotFound("datastore", self.name, {DEFAULT_NAME, *known})
        self.folder.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def get(workspace: WorkspaceBase, datastore_name: str) -> Datastore:
        """The datastore of that name. Raises `UserErrorException` if there is none."""
        return Datastore(workspace, datastore_name)

    @staticmethod
    def get_default(workspace: WorkspaceBase) -> Datastore:
        """The default datastore, which every workspace has."""
        return Datastore(workspace)

    def path(self, path: str | None = None, data_reference_name: str | None = None) -> DataReference:
        """A path in the datastore, as `Dataset`, scripts and pipeline steps take it."""
        return DataReference(self, data_reference_name, path)

    def as_mount(self) -> DataReference:
        """The whole datastore as an input of a script."""
        return self.path()

    as_download = as_upload = as_mount

    def upload(
        self,
        src_dir: str,
        target_path: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> DataReference:
        """Copy a folder into the datastore."""
        folder = Path(src_dir).expanduser()
        if not folder.is_dir():
            raise NotFound("folder", str(folder))
        files = [str(path) for path in files_below(folder)]
        return self.upload_files(files, str(folder), target_path, overwrite, show_progress)

    def upload_files(
        self,
        files: Sequence[str],
        relative_root: str | None = None,
        target_path: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> DataReference:
        """Copy files into the datastore, with their folders below ``relative_root``.

        Existing files are skipped unless ``overwrite``.
        """
        root = self.folder / (target_path or "")
        for file in files:
            source = Path(file).expanduser()
            if not source.is_file():
                raise NotFound("file", str(source))
            relative = source.relative_to(relative_root) if relative_root else Path(source.name)
            place = self._inside(root / relative)
            if place.exists() and not overwrite:
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, place)
            if show_progress:
                print(f"Uploaded {relative}")
        return self.path(target_path)

    def download(
        self, target_path: str, prefix: str | None = None, overwrite: bool = False, show_progress: bool = True
    ) -> int:
        """Copy the files whose path begins with ``prefix`` into a folder; returns their number."""
        count = 0
        for source in sorted(self.folder.rglob("*")):
            relative = source.relative_to(self.folder).as_posix()
            if not source.is_file() or not relative.startswith(prefix or ""):
                continue
            place = Path(target_path).expanduser() / relative
            if place.exists() and not overwrite:
                raise AlreadyExists("file", str(place), hint="Pass overwrite=True.")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, place)
            count += 1
        return count

    def _inside(self, place: Path) -> Path:
        if not place.resolve().is_relative_to(self.folder.resolve()):
            raise UserErrorException(f"'{place}' lies outside of the datastore {self.name!r}")
        return place

    def __repr__(self) -> str:
        return f"Datastore(name={self.name!r})"


def location_of(path: Any) -> str:
    """A path as `Dataset` takes it, as text: a local path or a URL."""
    if isinstance(path, DataPath):
        return str(path.path)
    if isinstance(path, tuple) and len(path) == 2 and isinstance(path[0], Datastore):
        return str(path[0].folder / path[1])
    if isinstance(path, str | Path):
        text = str(path)
        return text if "://" in text else str(Path(text).expanduser().absolute())
    raise UserErrorException(f"{path!r} is not a path, a URL or a pair (datastore, path)")
