"""Writes collected rows: to a folder, or to a store that fsspec reaches.

    NAME.csv                    all rows of a day, in a folder as CSV: replicas append in turn
    NAME-6f1d0c2a.csv           the same for rows with other columns
    NAME-REPLICA-000001.csv     one batch of one replica, in a store, which cannot be appended to
    NAME-REPLICA-000001.parquet the same as Parquet, in a folder too

A batch is written whole or not at all, so that a second attempt writes no row twice.
"""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import count, islice
from pathlib import Path
from typing import Any, Protocol

from mlmagic.scoring.collection.entries import Entry
from mlmagic.scoring.collection.settings import CSV, PARQUET, CollectionSettings
from mlmagic.scoring.outputs.json_encoder import encode

JSON_LINES = "jsonl"
_BLOCK = 1 << 20
_CHUNK = 128
_BREATH_SECONDS = 0.0002


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that belong to one file."""

    folder: str
    name: str
    header: tuple[str, ...]
    entries: Sequence[Entry]
    number: int = field(default_factory=count(1).__next__)
    """Of the batches of this process."""

    @property
    def rows(self) -> list[Sequence[Any]]:
        return [row for entry in self.entries for row in entry.rows]

    @property
    def csv(self) -> bytes:
        """The rows as CSV."""
        return csv_lines(self.rows) + b"".join(entry.csv for entry in self.entries)

    @property
    def records(self) -> int:
        """How many the rows are counted as."""
        return sum(entry.records for entry in self.entries)


class Store(Protocol):
    """Where batches are written."""

    def write(self, batch: Batch) -> None:
        """Write all rows or none; raises whatever prevents it. May be called again."""


def store_of(settings: CollectionSettings) -> Store:
    """The store that the settings name; nothing is opened yet."""
    if settings.appends:
        return AppendingStore(Path(settings.storage))
    files = _Remote(settings.storage) if settings.is_remote else _Folder(Path(settings.storage))
    return FileStore(settings.form, files)


def batches_of(entries: Iterable[Entry]) -> list[Batch]:
    """The entries by file, in their order."""
    grouped: dict[tuple[str, str, tuple[str, ...]], list[Entry]] = {}
    for entry in entries:
        grouped.setdefault((entry.folder, entry.name, entry.header), []).append(entry)
    return [Batch(*key, found) for key, found in grouped.items()]


class AppendingStore:
    """Appends to one file for each day."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, batch: Batch) -> None:
        folder = self._root / batch.folder
        folder.mkdir(parents=True, exist_ok=True)
        if not batch.header:
            _append(folder / f"{batch.name}.{JSON_LINES}", b"", json_lines(batch.rows))
            return
        head, body = csv_lines([batch.header]), batch.csv
        if not _append(folder / f"{batch.name}.{CSV}", head, body):
            _append(folder / f"{batch.name}-{blake2b(head, digest_size=4).hexdigest()}.{CSV}", head, body)


class FileStore:
    """Writes each batch to a file of its own."""

    def __init__(self, form: str, files: _Folder | _Remote) -> None:
        self._form, self._files = form, files
        self._replica = os.urandom(4).hex()

    def write(self, batch: Batch) -> None:
        form = self._form if batch.header else JSON_LINES
        replica = f"{self._replica}{os.getpid():x}"  # a script may fork
        # A second attempt replaces the file of the first.
        path = f"{batch.folder}/{batch.name}-{replica}-{batch.number:06}.{form}"
        if form == JSON_LINES:
            self._files.put(path, json_lines(batch.rows))
        elif form == PARQUET:
            self._files.put(path, parquet_file(batch.header, batch.rows))
        else:
            self._files.put(path, csv_lines([batch.header]) + batch.csv)


class _Folder:
    """Files of a folder, each there only when it is complete."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, path: str, contents: bytes) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.part")
        draft.write_bytes(contents)
        draft.replace(target)


class _Remote:
    """Files below a URL."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: tuple[Any, str] | None = None

    def put(self, path: str, contents: bytes) -> None:
        if self._opened is None:
            import fsspec.core

            self._opened = fsspec.core.url_to_fs(self._url)
        files, root = self._opened
        place = f"{root.rstrip('/')}/{path}"
        files.makedirs(place.rpartition("/")[0], exist_ok=True)
        files.pipe_file(place, contents)


def yield_interpreter() -> None:
    """Let the thread that answers requests have the interpreter; it would wait for milliseconds else."""
    time.sleep(_BREATH_SECONDS)


def csv_lines(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as CSV."""
    rows = iter(rows)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    while chunk := list(islice(rows, _CHUNK)):
        writer.writerows(chunk)
        yield_interpreter()
    return text.getvalue().encode("utf-8", "replace")


def json_lines(rows: Iterable[Sequence[Any]]) -> bytes:
    """The documents of the rows, one a line."""
    return b"".join(encode(document) + b"\n" for row in rows for document in row)


def parquet_file(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """A Parquet file. A column whose values have no common type is text: each value as JSON."""
    import pyarrow
    import pyarrow.parquet

    columns = {}
    for at, name in enumerate(header):
        yield_interpreter()
        values = [row[at] if at < len(row) else None for row in rows]
        try:
            columns[name] = pyarrow.array(values)
        except (pyarrow.ArrowException, TypeError, ValueError, OverflowError):
            columns[name] = pyarrow.array([_as_text(value) for value in values], pyarrow.string())
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, default=str)


def _append(path: Path, head: bytes, body: bytes) -> bool:
    """Append ``body``; to a new file, ``head`` before it. False if the file begins with another head."""
    with open(path, "a+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # other replicas of the service write to it, too
        size = file.seek(0, os.SEEK_END)
        if size and head and os.pread(file.fileno(), len(head), 0) != head:
            return False
        if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
            size = _whole_records(file.fileno(), is_csv=bool(head))  # its last writer was killed
            file.truncate(size)
        try:
            _write_all(file.fileno(), body if size else head + body)
        except BaseException:
            file.truncate(size)  # a full disk: nothing, rather than a part of it
            raise
    return True


def _write_all(descriptor: int, contents: bytes) -> None:
    left = memoryview(contents)
    while left:
        left = left[os.write(descriptor, left) :]


def _whole_records(descriptor: int, *, is_csv: bool) -> int:
    """Where the last whole record of a file ends: a line end inside of quotes is part of a value."""
    end = at = 0
    quoted = False
    while block := os.pread(descriptor, _BLOCK, at):
        for offset, byte in enumerate(block):
            if byte == 0x22 and is_csv:
                quoted = not quoted
            elif byte == 0x0A and not quoted:
                end = at + offset + 1
        at += len(block)
    return end
