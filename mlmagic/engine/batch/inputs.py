"""The input of a batch job, as mini-batches: which files, or which rows of which files, each has.

Tables are described, not read: of a Parquet file only its metadata, of a text file the places where its
records end. So an input may be larger than the memory. Mini-batches never cross a file, unless partition keys
say that the rows of several files belong together.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core.batch import DEFAULT_BYTES, DEFAULT_FILES, BatchPlan, parse_size, rows_for, split
from mlmagic.core.mini_batches import MiniBatch
from mlmagic.engine.batch import text_files
from mlmagic.errors import InvalidConfig, UsageError
from mlmagic.scoring.batch.tables import PARQUET, PICKLE, TableReader, finished, open_bytes

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class Files:
    """Files, whose paths run() gets."""

    paths: Sequence[str]
    partitions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By path, the values that are in it, such as ``{"user": "1"}``."""


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file with rows. ``options`` are those of pandas' reader, ``steps`` what is kept and dropped."""

    path: str
    format: str
    options: Mapping[str, Any] = field(default_factory=dict)
    steps: Sequence[Any] = ()
    partition: Mapping[str, Any] | None = None
    """The values of the columns that are the same in all of its rows, where this is known."""
    added: Mapping[str, str] = field(default_factory=dict)
    """Columns with one value in all rows, which stand after those of the file."""

    def slice(self, **more: Any) -> dict[str, Any]:
        """A slice of it; see `mlmagic.scoring.batch.tables`."""
        described = {"path": self.path, "format": self.format, "steps": list(self.steps)}
        return {**described, **({"added": dict(self.added)} if self.added else {}), **more}

    def read(self) -> pandas.DataFrame:
        """All of its rows. Raises `UsageError` if it cannot be read."""
        frame = text_files.read_whole(self.path, self.format, self.options)
        return finished(frame, self.steps, self.added)


_CHANGING = ("size", "etag", "ETag", "content_md5", "mtime", "last_modified", "LastModified", "updated")
"""What fsspec's file systems say of a file that changes with it; each says some of them."""

Inputs = Files | Sequence[Any]
"""Files, or tables: each a `TableFile` or a DataFrame."""


def mini_batches(plan: BatchPlan, inputs: Inputs, folder: Path) -> list[MiniBatch]:
    """All mini-batches, in the order of the input. DataFrames are written into ``folder``.

    Raises `InvalidConfig` for an input that is empty, or has no such partition key.
    """
    if isinstance(inputs, Files):
        parts = list(_of_files(plan, inputs))
    elif plan.partition_keys:
        parts = _by_keys(plan.partition_keys, inputs, _Pickles(folder))
    else:
        pickles = _Pickles(folder)
        parts = [part for table in inputs for part in _of_table(plan, table, pickles)]
    if not parts:
        raise InvalidConfig("inputs", [], "must have at least one file or row")
    return list(_numbered(parts))


@dataclass(frozen=True, slots=True)
class _Part:
    """A mini-batch before it has a number."""

    items: int
    files: Sequence[str] | None = None
    slices: Sequence[Mapping[str, Any]] | None = None
    partition: Mapping[str, Any] | None = None
    place: Any = None


class _Pickles:
    """Writes rows that are in memory into a folder; the same rows have the same names there each time."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0

    def part_of(self, frame: pandas.DataFrame) -> _Part:
        """The rows as a mini-batch."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{self._count}.pickle"
        self._count += 1
        frame.reset_index(drop=True).to_pickle(file)
        return _Part(len(frame), slices=[{"path": str(file), "format": PICKLE}])


def _numbered(parts: Sequence[_Part]) -> Iterator[MiniBatch]:
    first = 0
    for number, part in enumerate(parts):
        context = {"index": number, "first": first, "partition": part.partition}
        what = {"slices": part.slices} if part.files is None else {"files": part.files}
        yield MiniBatch(number, part.items, {"context": context, **what}, part.place)
        first += part.items


def _of_files(plan: BatchPlan, inputs: Files) -> Iterator[_Part]:
    if plan.partition_keys:
        for values, paths in _grouped(plan.partition_keys, inputs).items():
            partition = dict(zip(plan.partition_keys, values, strict=True))
            yield _Part(len(paths), files=paths, partition=partition)
        return
    size = parse_size(plan.mini_batch_size) if plan.mini_batch_size is not None else DEFAULT_FILES
    for paths in split(inputs.paths, size):
        yield _Part(len(paths), files=paths)


def _grouped(keys: Sequence[str], inputs: Files) -> dict[tuple[str, ...], list[str]]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for path in inputs.paths:
        values = inputs.partitions.get(path, {})
        missing = [key for key in keys if key not in values]
        if missing:
            raise InvalidConfig(
                "partition_keys",
                missing[0],
                f"is not in the partition_format of the dataset, which has {list(values)}",
                hint="Name it in the partition_format of the dataset, such as {user}/{file}.csv.",
            )
        groups.setdefault(tuple(values[key] for key in keys), []).append(path)
    return groups


def _of_table(plan: BatchPlan, table: Any, pickles: _Pickles) -> Iterator[_Part]:
    size = parse_size(plan.mini_batch_size) if plan.mini_batch_size is not None else DEFAULT_BYTES
    if not isinstance(table, TableFile):
        yield from _of_frame(table, size, pickles)
    elif table.format == PARQUET:
        yield from _of_parquet(table, size)
    elif text_files.can_be_split(table.path, table.options):
        for rows, each in text_files.slices(table.slice(options=dict(table.options)), size):
            yield _Part(rows, slices=[each])
    else:
        yield from _of_frame(table.read(), size, pickles)


def _of_frame(frame: pandas.DataFrame, size: int, pickles: _Pickles) -> Iterator[_Part]:
    rows = rows_for(size, len(frame), int(frame.memory_usage(deep=True).sum()))
    for at in range(0, len(frame), rows):
        yield pickles.part_of(frame.iloc[at : at + rows])


def _of_parquet(table: TableFile, size: int) -> Iterator[_Part]:
    import pyarrow
    import pyarrow.parquet

    try:
        with open_bytes(table.path) as file:
            metadata = pyarrow.parquet.ParquetFile(file).metadata
    except (OSError, pyarrow.ArrowException) as error:
        raise UsageError(f"{table.path} cannot be read: {error}") from None
    for group in range(metadata.num_row_groups):
        found = metadata.row_group(group)
        rows = rows_for(size, found.num_rows, found.total_byte_size)
        for start in range(0, found.num_rows, rows):
            count = min(rows, found.num_rows - start)
            part = table.slice(group=group, start=start, rows=count)
            yield _Part(count, slices=[part], place=(table.path, group))


def _by_keys(keys: Sequence[str], tables: Sequence[Any], pickles: _Pickles) -> list[_Part]:
    """A part for each combination of the keys' values, of the rows of all tables."""
    found: dict[tuple[Any, ...], list[_Part]] = {}
    everything = BatchPlan(mini_batch_size="64MB")
    for table in tables:
        known = table.partition if isinstance(table, TableFile) else None
        for part in _of_table(everything, table, pickles):
            if known is not None and all(key in known for key in keys):
                found.setdefault(tuple(plain(known[key]) for key in keys), []).append(part)
                continue
            with closing(TableReader()) as reader:
                frame = reader.read(part.slices or ())
            _check_keys(keys, [*frame.columns])
            for values, rows in frame.groupby(list(keys), sort=False, dropna=False):
                # A missing value is not equal to another one, and yet they are one partition.
                same = tuple(plain(value) for value in values)
                found.setdefault(same, []).append(pickles.part_of(rows))
    return [
        _Part(
            sum(each.items for each in parts),
            slices=[one for each in parts for one in each.slices or ()],
            partition=dict(zip(keys, values, strict=True)),
        )
        for values, parts in found.items()
    ]


def _check_keys(keys: Sequence[str], columns: Sequence[str]) -> None:
    missing = [key for key in keys if key not in columns]
    if missing:
        raise InvalidConfig("partition_keys", missing[0], f"is not a column; the columns are {list(columns)}")


def check_columns(keep: Sequence[str], batches: Sequence[MiniBatch]) -> None:
    """Raises `InvalidConfig` for columns to keep that the first mini-batch does not have."""
    if not keep:
        return
    with closing(TableReader()) as reader:
        columns = [*reader.read(batches[0].task["slices"]).columns]
    missing = [name for name in keep if name not in columns]
    if missing:
        raise InvalidConfig("keep", missing[0], f"is not a column; the columns are {columns}")


def identities(batches: Sequence[MiniBatch]) -> list[list[Any]]:
    """The files of all mini-batches, each with what changes when its content does. Raises `UsageError`."""
    formats: dict[str, str] = {}
    for batch in batches:
        formats |= dict.fromkeys(batch.task.get("files", ()), "")
        formats |= {each["path"]: each["format"] for each in batch.task.get("slices", ())}
    return [[path, *_identity(path, form)] for path, form in formats.items()]


def _identity(path: str, form: str) -> list[Any]:
    try:
        if form == PICKLE:  # written anew each time
            with open(path, "rb") as file:
                return [hashlib.file_digest(file, "sha256").hexdigest()]
        if "://" not in path:
            found = os.stat(path)
            return [found.st_size, found.st_mtime_ns]
        from fsspec.core import url_to_fs

        system, place = url_to_fs(path)
        info = system.info(place)
    except FileNotFoundError:
        return []  # run() gets the path, and will say so
    except (OSError, ImportError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    return [str(info[key]) for key in _CHANGING if key in info]


def plain(value: Any) -> Any:
    """A value of a column as a JSON value."""
    value = value.item() if hasattr(value, "item") else value
    if value != value:  # a missing one
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)
