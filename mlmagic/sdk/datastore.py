"""`Datastore`: a folder of the workspace, or other storage by a URL, that files are uploaded to.

The files of other storage are copied to this machine each time a path of the datastore is used.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from mlmagic.core.folders import files_below
from mlmagic.core.paths import join, join_part
from mlmagic.errors import AlreadyExists, InvalidConfig, NotFound, UsageError
from mlmagic.sdk.data_reference import DataPath, DataReference
from mlmagic.sdk.datastore_files import RemoteFiles
from mlmagic.sdk.exceptions import UserErrorException, raises
from mlmagic.sdk.workspace_base import WorkspaceBase

DEFAULT_NAME = "workspaceblobstore"
KIND = "datastore"
_BLOB, _GEN2, _URL = "AzureBlob", "AzureDataLakeGen2", "Url"


@raises(UserErrorException)
class Datastore:
    """A named place for files; ``Datastore(workspace)`` is the default one, a folder of the workspace."""

    def __init__(self, workspace: WorkspaceBase, name: str | None = None) -> None:
        self.workspace = workspace
        self.name = name or DEFAULT_NAME
        self.folder = join_part(workspace.folder / "datastores", self.name, "datastore name")
        self._record: Mapping[str, Any] = {}
        if workspace.engine.assets.versions(KIND, self.name):
            self._record = workspace.engine.assets.get(KIND, self.name).record
        elif self.name != DEFAULT_NAME and not self.folder.is_dir():
            there = self.folder.parent
            known = [path.name for path in there.iterdir()] if there.is_dir() else []
            raise NotFound("datastore", self.name, {DEFAULT_NAME, *known})
        self.folder.mkdir(parents=True, exist_ok=True)

    # ---- registered -------------------------------------------------------------------------

    @staticmethod
    def get(workspace: WorkspaceBase, datastore_name: str) -> Datastore:
        """The datastore of that name. Raises `UserErrorException` if there is none."""
        return Datastore(workspace, datastore_name)

    @staticmethod
    def get_default(workspace: WorkspaceBase) -> Datastore:
        """The default datastore, which every workspace has."""
        return Datastore(workspace)

    @staticmethod
    def register_url(
        workspace: WorkspaceBase,
        datastore_name: str,
        url: str,
        *,
        overwrite: bool = False,
        kind: str = _URL,
        **options: Any,
    ) -> Datastore:
        """Register any storage that fsspec reaches, such as ``s3://bucket`` or ``file:///shared``.

        This method is mlmagic's own. ``options`` are those of the fsspec package, such as a key; they are
        stored unencrypted in the workspace's database. Raises `UserErrorException` if the name is taken,
        unless ``overwrite``.
        """
        assets = workspace.engine.assets
        if datastore_name == DEFAULT_NAME or "/" in datastore_name:
            raise InvalidConfig("datastore_name", datastore_name, "must be a new name without '/'")
        RemoteFiles(url, options)
        record = {"type": kind, "url": url, "options": options}
        if overwrite and assets.versions(KIND, datastore_name):
            assets.delete(KIND, datastore_name)
        assets.keep(KIND, datastore_name, record, only_once=True)
        return Datastore(workspace, datastore_name)

    @staticmethod
    def register_azure_blob_container(
        workspace: WorkspaceBase,
        datastore_name: str,
        container_name: str,
        account_name: str,
        sas_token: str | None = None,
        account_key: str | None = None,
        protocol: str | None = None,
        endpoint: str | None = None,
        overwrite: bool = False,
        **more: Any,
    ) -> Datastore:
        """Register a blob container; needs the packages fsspec and adlfs. See `register_url`."""
        options = {"account_name": account_name, "sas_token": sas_token, "account_key": account_key}
        given = {name: value for name, value in options.items() if value}
        url = f"abfs://{container_name}"
        return Datastore.register_url(
            workspace, datastore_name, url, overwrite=overwrite, kind=_BLOB, **given
        )

    @staticmethod
    def register_azure_data_lake_gen2(
        workspace: WorkspaceBase,
        datastore_name: str,
        filesystem: str,
        account_name: str,
        tenant_id: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        overwrite: bool = False,
        **more: Any,
    ) -> Datastore:
        """Register a file system of Data Lake Gen2; needs fsspec and adlfs. See `register_url`."""
        options = {
            "account_name": account_name,
            "tenant_id": tenant_id,
            "client_id": client_id,
            "client_secret": client_secret,
        }
        given = {name: value for name, value in options.items() if value}
        url = f"abfs://{filesystem}"
        return Datastore.register_url(
            workspace, datastore_name, url, overwrite=overwrite, kind=_GEN2, **given
        )

    @staticmethod
    def register_azure_file_share(*args: Any, **more: Any) -> NoReturn:
        """Raises: mount the file share and register its folder."""
        raise UsageError(
            "Azure file shares are not supported",
            hint="Mount it, then: Datastore.register_url(ws, NAME, 'file:///MOUNTED/FOLDER').",
        )

    @staticmethod
    def register_azure_sql_database(*args: Any, **more: Any) -> NoReturn:
        """Raises: read the table with pandas and register it as a dataset."""
        raise UsageError(
            "databases are not datastores in mlmagic",
            hint="Use pandas.read_sql, then Dataset.Tabular.register_pandas_dataframe.",
        )

    register_azure_postgre_sql = register_azure_my_sql = register_azure_sql_database

    def unregister(self) -> None:
        """Remove a registered datastore from the workspace; its files are not deleted."""
        self.workspace.engine.assets.delete(KIND, self.name)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def datastore_type(self) -> str:
        """AzureBlob, AzureDataLakeGen2, Url, or Local for a folder of the workspace."""
        return str(self._record.get("type", "Local"))

    # ---- files ------------------------------------------------------------------------------

    def path(self, path: str | None = None, data_reference_name: str | None = None) -> DataReference:
        """A path in the datastore, as `Dataset`, scripts and pipeline steps take it."""
        return DataReference(self, data_reference_name, path)

    def as_mount(self) -> DataReference:
        """The whole datastore as an input of a script."""
        return self.path()

    as_download = as_upload = as_mount

    def fetch(self, path: str = "") -> Path:
        """The path on this machine of a file, a folder or a pattern such as ``rows/*.csv``.

        Files of other storage are copied first.
        """
        if self._remote is not None:
            prefix = path.lstrip("/").partition("*")[0]
            for name in self._remote.names(prefix):
                self._remote.get(name, self._inside(name))
        return self._inside(path.lstrip("/"))

    def file_states(self, path: str = "") -> dict[str, str]:
        """The files in a folder, without those of its subfolders, each with a text that changes with it.

        ``path`` may be that of one file, too.
        """
        path = path.strip("/")
        if self._remote is not None:
            states = self._remote.states(path)
        else:
            place = self._inside(path)
            files = [place] if place.is_file() else place.glob("*") if place.is_dir() else []
            states = {
                file.relative_to(self.folder).as_posix(): f"{file.stat().st_mtime_ns} {file.stat().st_size}"
                for file in files
                if file.is_file()
            }
        return {name: state for name, state in states.items() if path in (name, name.rpartition("/")[0])}

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
        files = [str(path) for path in files_below(folder, links_out=True)]
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
        below = (target_path or "").strip("/")
        for file in files:
            source = Path(file).expanduser()
            if not source.is_file():
                raise NotFound("file", str(source))
            relative = source.relative_to(relative_root) if relative_root else Path(source.name)
            if (
                self._put(source, self._inside(f"{below}/{relative.as_posix()}".lstrip("/")), overwrite)
                and show_progress
            ):
                print(f"Uploaded {relative}")
        return self.path(target_path)

    def download(
        self, target_path: str, prefix: str | None = None, overwrite: bool = False, show_progress: bool = True
    ) -> int:
        """Copy the files whose path begins with ``prefix`` into a folder; returns their number."""
        count = 0
        for name in self._names(prefix or ""):
            place = join(Path(target_path).expanduser(), name, "path in the datastore")
            if place.exists() and not overwrite:
                raise AlreadyExists("file", str(place), hint="Pass overwrite=True.")
            place.parent.mkdir(parents=True, exist_ok=True)
            if self._remote is not None:
                self._remote.get(name, place)
            else:
                shutil.copyfile(self.folder / name, place)
            count += 1
        return count

    # ---- inside -----------------------------------------------------------------------------

    @property
    def _remote(self) -> RemoteFiles | None:
        """The files, where they are not in the folder."""
        return RemoteFiles(self._record["url"], dict(self._record["options"])) if self._record else None

    def _names(self, prefix: str) -> list[str]:
        if self._remote is not None:
            return self._remote.names(prefix)
        files = (path for path in sorted(self.folder.rglob("*")) if path.is_file())
        names = (path.relative_to(self.folder).as_posix() for path in files)
        return [name for name in names if name.startswith(prefix)]

    def _put(self, source: Path, place: Path, overwrite: bool) -> bool:
        """Copy a file; returns False if it exists and is not overwritten."""
        if self._remote is not None:
            name = place.relative_to(self.folder).as_posix()
            return self._remote.put(source, name, overwrite=overwrite)
        if place.exists() and not overwrite:
            return False
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
        return True

    def _inside(self, path: str) -> Path:
        return join(self.folder, path, "path in the datastore") if path else self.folder

    def __repr__(self) -> str:
        return f"Datastore(name={self.name!r}, type={self.datastore_type!r})"


def location_of(path: Any) -> str:
    """A path as `Dataset` takes it, as text: a local path or a URL."""
    if isinstance(path, DataPath):
        return str(path.path)
    if isinstance(path, tuple) and len(path) == 2 and isinstance(path[0], Datastore):
        return str(path[0].fetch(path[1]))
    if isinstance(path, str | Path):
        text = str(path)
        return text if "://" in text else str(Path(text).expanduser().absolute())
    raise UserErrorException(f"{path!r} is not a path, a URL or a pair (datastore, path)")
