"""`Dataset`: rows or files by their paths, registered by name.

Rows are read with pandas, URLs with fsspec. Nothing is copied: a dataset is a list of paths and steps, and
its rows are read each time they are used.
"""

from __future__ import annotations

import csv
import glob
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlmagic.core.folders import files_below
from mlmagic.engine.batch.inputs import TableFile, plain
from mlmagic.errors import AlreadyExists, InvalidConfig, NotFound, UsageError
from mlmagic.scoring.batch.tables import DELIMITED, JSON_LINES, PARQUET
from mlmagic.sdk.data_reference import DataPath
from mlmagic.sdk.dataset_consumption import DatasetConsumptionConfig
from mlmagic.sdk.datastore import location_of
from mlmagic.sdk.exceptions import UserErrorException, raises
from mlmagic.sdk.partition_format import keys_of, partitions_of
from mlmagic.sdk.workspace_base import WorkspaceBase

if TYPE_CHECKING:
    import pandas

KIND = "dataset"


@raises(UserErrorException)
class _Registrable:
    """What tabular and file datasets share: paths, and registration by name."""

    kind = ""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._record = dict(record)
        self.name: str | None = None
        self.version: int | None = None
        self.description = ""
        self.tags: dict[str, str] = {}

    @property
    def id(self) -> str | None:
        """``name:version``; None until it is registered."""
        return f"{self.name}:{self.version}" if self.name else None

    def register(
        self,
        workspace: WorkspaceBase,
        name: str,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        create_new_version: bool = False,
    ) -> Any:
        """Register the dataset. Raises if another has the name, unless ``create_new_version``."""
        record = {
            "type": self.kind,
            "recipe": self._record,
            "description": description or "",
            "tags": dict(tags or {}),
        }
        there = workspace.engine.assets.versions(KIND, name)
        if there and not create_new_version and workspace.engine.assets.get(KIND, name).record != record:
            raise AlreadyExists(KIND, name, hint="Pass create_new_version=True.")
        return _of_asset(workspace.engine.assets.keep(KIND, name, record))

    def as_named_input(self, name: str) -> DatasetConsumptionConfig:
        """The dataset as a named input of a script or a pipeline step."""
        return DatasetConsumptionConfig(name, self)

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """The dataset as an input whose script gets the path of the files."""
        return self.as_named_input(self.name or "input").as_mount(path_on_compute)

    as_download = as_mount

    def to_record(self) -> dict[str, Any]:
        """The kind and the recipe of the dataset as JSON values; see `dataset_of_record`."""
        return {"type": self.kind, "recipe": self._record}

    def unregister_all_versions(self) -> None:
        """Not supported: raises with a reference to `Dataset.unregister`."""
        raise UsageError(
            "a dataset has no workspace to unregister from", hint="Use Dataset.unregister(workspace, name)."
        )

    @property
    def paths(self) -> list[str]:
        """The files and URLs that match its paths now. Raises `NotFound` for a path without files."""
        found: list[str] = []
        for path in self._record["paths"]:
            if "://" in path:
                found.append(path)
                continue
            matches = sorted(glob.glob(path, recursive=True))
            files = [
                str(file)
                for match in matches
                for file in (
                    files_below(Path(match), links_out=True) if Path(match).is_dir() else [Path(match)]
                )
                if file.is_file()
            ]
            if not files:
                raise NotFound(
                    "file", path, hint="Datasets are not copied: the files must stay at their paths."
                )
            found += files
        return found

    @property
    def partition_keys(self) -> list[str]:
        """The names in its partition format, or those that it was partitioned by; empty without any."""
        form = self._record.get("partition_format")
        return keys_of(form) if form else list(self._record.get("partition_keys", ()))

    def __repr__(self) -> str:
        named = f"name={self.name!r}, version={self.version}, " if self.name else ""
        return f"{type(self).__name__}({named}paths={self._record['paths']})"


@raises(UserErrorException)
class TabularDataset(_Registrable):
    """A table, read from files when it is used."""

    kind = "Tabular"

    def to_pandas_dataframe(
        self, on_error: str = "null", out_of_range_datetime: str = "null"
    ) -> pandas.DataFrame:
        """All rows as a DataFrame."""
        import pandas

        frames = [file.read() for file in self._files(steps=())]
        frame = pandas.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
        for step, value in self._record["steps"]:
            frame = _stepped(frame, step, value)
        return frame.reset_index(drop=True)

    def table_files(self) -> list[Any]:
        """The input of a batch job: each file without reading it; the rows of all after `take` or `skip`."""
        if any(step in ("take", "skip") for step, _ in self._record["steps"]):
            return [self.to_pandas_dataframe()]
        return self._files()

    def partition_by(
        self,
        partition_keys: Sequence[str],
        target: Any,
        name: str | None = None,
        show_progress: bool = True,
        partition_as_file_dataset: bool = False,
    ) -> Any:
        """Write the rows of each combination of the keys' values to a Parquet file of its own.

        ``target`` is a datastore, or one with a path. The keys become the last columns. Returns the dataset
        of these files, registered if it has a ``name``. Source: TabularDataset.partition_by of Azure ML v1.
        """
        datastore, folder = _place_of(target)
        keys = list(partition_keys)
        frame = self.to_pandas_dataframe()
        missing = [key for key in keys if key not in frame.columns]
        if missing:
            rule = f"is not a column; the columns are {[*frame.columns]}"
            raise InvalidConfig("partition_keys", missing[0], rule)
        frame = frame[[*(column for column in frame.columns if column not in keys), *keys]]
        partitions = {}
        with tempfile.TemporaryDirectory() as temporary:
            for values, rows in frame.groupby(keys, sort=False, dropna=False):
                known = dict(zip(keys, values, strict=True))
                place = "/".join(f"{key}={quote(str(value), safe='')}" for key, value in known.items())
                file = Path(temporary, place, "part.parquet")
                file.parent.mkdir(parents=True)
                rows.to_parquet(file, index=False)
                partitions[f"{place}/part.parquet"] = {key: plain(value) for key, value in known.items()}
            datastore.upload(temporary, target_path=folder, overwrite=True, show_progress=False)
        record = {"partition_keys": keys, "steps": [], "format": PARQUET, "options": {}}
        places = {str(datastore.fetch(f"{folder}/{place}")): known for place, known in partitions.items()}
        record |= {"paths": list(places), "partitions": places}
        made: Any = (FileDataset if partition_as_file_dataset else TabularDataset)(record)
        return made.register(datastore.workspace, name, create_new_version=True) if name else made

    def _files(self, steps: Sequence[Any] | None = None) -> list[TableFile]:
        record = self._record
        steps = record["steps"] if steps is None else steps
        paths = self.paths
        added = partitions_of(paths, record.get("partition_format"))
        known = record.get("partitions", {}) | added
        return [
            TableFile(path, record["format"], record["options"], steps, known.get(path), added.get(path, {}))
            for path in paths
        ]

    def take(self, count: int) -> TabularDataset:
        """A dataset of the first ``count`` rows."""
        return self._with("take", count)

    def skip(self, count: int) -> TabularDataset:
        """A dataset without the first ``count`` rows."""
        return self._with("skip", count)

    def keep_columns(self, columns: str | Sequence[str], validate: bool = False) -> TabularDataset:
        """A dataset with only these columns."""
        return self._with("keep", [columns] if isinstance(columns, str) else list(columns))

    def drop_columns(self, columns: str | Sequence[str]) -> TabularDataset:
        """A dataset without these columns."""
        return self._with("drop", [columns] if isinstance(columns, str) else list(columns))

    def _with(self, step: str, value: Any) -> TabularDataset:
        return TabularDataset({**self._record, "steps": [*self._record["steps"], [step, value]]})


def _stepped(frame: pandas.DataFrame, step: str, value: Any) -> pandas.DataFrame:
    match step:
        case "take":
            return frame.head(value)
        case "skip":
            return frame.iloc[value:]
        case "keep":
            return frame[value]
        case _:
            return frame.drop(columns=value)


@raises(UserErrorException)
class FileDataset(_Registrable):
    """A list of files."""

    kind = "File"

    @property
    def partitions(self) -> dict[str, Mapping[str, Any]]:
        """The values of its partition keys for each path; empty without any."""
        form = self._record.get("partition_format")
        return partitions_of(self.paths, form) or dict(self._record.get("partitions", {}))

    def to_path(self) -> list[str]:
        """The files' paths relative to their common folder, each with a leading slash."""
        files = self.paths
        root = _common_folder(files)
        return [f"/{Path(file).relative_to(root).as_posix()}" for file in files]

    def download(self, target_path: str | None = None, overwrite: bool = False) -> list[str]:
        """Copy the files into a folder (default: a new temporary one); returns their paths."""
        folder = Path(target_path).expanduser() if target_path else Path(tempfile.mkdtemp(prefix="dataset-"))
        files = self.paths
        root = _common_folder(files)
        places = [folder / Path(file).relative_to(root) for file in files]
        taken = next((place for place in places if place.exists()), None)
        if taken is not None and not overwrite:
            raise AlreadyExists("file", str(taken), hint="Pass overwrite=True.")
        for file, place in zip(files, places, strict=True):
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
        return [str(place) for place in places]


@raises(UserErrorException)
class TabularDatasetFactory:
    """``Dataset.Tabular``."""

    @staticmethod
    def from_delimited_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        infer_column_types: bool = True,
        set_column_types: Mapping[str, Any] | None = None,
        separator: str = ",",
        header: bool = True,
        partition_format: str | None = None,
        support_multi_line: bool = False,
        empty_as_string: bool = False,
        encoding: str = "utf8",
    ) -> TabularDataset:
        """A table from CSV files: a path, URL, ``(datastore, path)``, or a list; ``*`` is a wildcard."""
        options: dict[str, Any] = {"sep": separator, "encoding": encoding}
        if separator == "\n":
            # In Azure ML v1 this reads each line as one string: a separator that no text has, and no quotes.
            options |= {"sep": "\x1f", "quoting": csv.QUOTE_NONE}
        if not header:
            options["header"] = None
        if not infer_column_types:
            options["dtype"] = "str"
        if empty_as_string:
            options["keep_default_na"] = False
        return _tabular(path, DELIMITED, options, validate, partition_format)

    @staticmethod
    def from_parquet_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        set_column_types: Mapping[str, Any] | None = None,
        partition_format: str | None = None,
        **more: Any,
    ) -> TabularDataset:
        """A table from Parquet files."""
        return _tabular(path, PARQUET, {}, validate, partition_format)

    @staticmethod
    def from_json_lines_files(
        path: Any,
        validate: bool = True,
        encoding: str = "utf8",
        partition_format: str | None = None,
        **more: Any,
    ) -> TabularDataset:
        """A table from files with one JSON object per line."""
        return _tabular(path, JSON_LINES, {"lines": True, "encoding": encoding}, validate, partition_format)

    @staticmethod
    def register_pandas_dataframe(
        dataframe: pandas.DataFrame,
        target: Any,
        name: str,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        **more: Any,
    ) -> TabularDataset:
        """Write a DataFrame to a datastore and register it as a dataset."""
        datastore, folder = _place_of(target)
        version = len(datastore.workspace.engine.assets.versions(KIND, name)) + 1
        with tempfile.TemporaryDirectory() as temporary:
            written = Path(temporary) / f"{name}-{version}.csv"
            dataframe.to_csv(written, index=False)
            datastore.upload_files([str(written)], None, folder, overwrite=True, show_progress=False)
        file = datastore.fetch(f"{folder}/{written.name}")
        made = _tabular(str(file), DELIMITED, {"sep": ",", "encoding": "utf8"}, False)
        return made.register(datastore.workspace, name, description, tags, create_new_version=True)  # type: ignore[no-any-return]


@raises(UserErrorException)
class FileDatasetFactory:
    """``Dataset.File``."""

    @staticmethod
    def from_files(
        path: Any, validate: bool = True, partition_format: str | None = None, **more: Any
    ) -> FileDataset:
        """Files: a path, ``(datastore, path)``, or a list of these; ``*`` is a wildcard.

        ``partition_format`` names what is in their paths, as in ``{user}/{season}/{file}.wav``.
        """
        made = FileDataset({"paths": _locations(path), **_form(partition_format)})
        if validate:
            _ = made.partitions
        return made


@raises(UserErrorException)
class Dataset:
    """Creates datasets (``Dataset.Tabular``, ``Dataset.File``) and finds registered ones."""

    Tabular = TabularDatasetFactory
    File = FileDatasetFactory

    @staticmethod
    def get_by_name(workspace: WorkspaceBase, name: str, version: str | int = "latest") -> Any:
        """The registered dataset of that name: the newest version, or the one given."""
        return _of_asset(workspace.engine.assets.get(KIND, name, None if version == "latest" else version))

    @staticmethod
    def get_by_id(workspace: WorkspaceBase, id: str) -> Any:
        """The registered dataset with the id ``name:version``."""
        name, _, version = id.partition(":")
        return Dataset.get_by_name(workspace, name, version or "latest")

    @staticmethod
    def get_all(workspace: WorkspaceBase) -> dict[str, Any]:
        """The newest version of each registered dataset, by name."""
        return {asset.name: _of_asset(asset) for asset in workspace.engine.assets.list(KIND)}

    @staticmethod
    def unregister(workspace: WorkspaceBase, name: str) -> None:
        """Remove all versions from the workspace; the files are not deleted."""
        workspace.engine.assets.delete(KIND, name)


def _form(partition_format: str | None) -> dict[str, str]:
    if partition_format is None:
        return {}
    keys_of(partition_format)
    return {"partition_format": partition_format}


def _tabular(
    path: Any, form: str, options: Mapping[str, Any], validate: bool, partition_format: str | None = None
) -> TabularDataset:
    record = {"paths": _locations(path), "format": form, "options": dict(options), "steps": []}
    made = TabularDataset(record | _form(partition_format))
    if validate:
        made.take(1).to_pandas_dataframe()
    return made


def _place_of(target: Any) -> tuple[Any, str]:
    """The datastore and the path in it that are meant."""
    if isinstance(target, tuple):
        datastore, folder = target
        return datastore, str(folder)
    if isinstance(target, DataPath):
        return target.datastore, str(target.path_on_datastore or "")
    return target, ""


def _locations(path: Any) -> list[str]:
    paths = path if isinstance(path, list) else [path]
    if not paths:
        raise InvalidConfig("path", path, "must name at least one file")
    return [location_of(each) for each in paths]


def _common_folder(files: Sequence[str]) -> Path:
    import os

    return Path(os.path.commonpath([str(Path(file).parent) for file in files]))


def dataset_of_record(record: Mapping[str, Any]) -> Any:
    """The dataset of a kind and a recipe."""
    kind = {each.kind: each for each in (TabularDataset, FileDataset)}[record["type"]]
    return kind(record["recipe"])


def _of_asset(asset: Any) -> Any:
    made = dataset_of_record(asset.record)
    made.name, made.version = asset.name, asset.version
    made.description, made.tags = asset.record["description"], asset.record["tags"]
    return made
