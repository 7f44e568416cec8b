"""Rows of tables: slices of Parquet files, of text files with a row to a line, and of pickled DataFrames.

A slice is a JSON object with ``path``, ``format``, the columns that are ``added`` with one value each, and
``steps``, the columns to keep or to drop. Of a Parquet file it has the row ``group`` with the first row,
``start``, and the number of ``rows`` in it; of a text file the bytes from ``begin`` to ``end``, the ``names``
of its columns, pandas' ``options`` and the columns' types: ``parse`` for the parser, ``cast`` for afterwards.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

PARQUET, DELIMITED, JSON_LINES, PICKLE = "parquet", "delimited", "json lines", "pickle"
STEP_BYTES = 4 << 20
"""Of a row group so much is decoded at once: less costs more calls, and more no longer fits the cache."""
MOST_AT_ONCE = 8
"""So many mini-batches at most: what is decoded can be much larger than the file says."""
BUFFER_BYTES = 1 << 18
"""Of each column so much is read at once."""
Slice = Mapping[str, Any]


class TableReader:
    """Reads one mini-batch after another; remembers where it is in a Parquet file."""

    def __init__(self) -> None:
        self._parquet: _RowGroup | None = None

    def close(self) -> None:
        """Close the file that it is in."""
        if self._parquet is not None:
            self._parquet.close()
            self._parquet = None

    def read(self, slices: Sequence[Slice]) -> Any:
        """The rows of all slices as one DataFrame with a new index."""
        import pandas

        frames = [finished(self._rows(each), each.get("steps", ()), each.get("added", {})) for each in slices]
        frame = frames[0] if len(frames) == 1 else pandas.concat(frames, ignore_index=True)
        return frame.reset_index(drop=True)

    def _rows(self, part: Slice) -> Any:
        import pandas

        if part["format"] == PICKLE:
            return pandas.read_pickle(part["path"])
        if part["format"] == PARQUET:
            return self._parquet_rows(part)
        return read_text(part)

    def _parquet_rows(self, part: Slice) -> Any:
        if self._parquet is None or not self._parquet.is_before(part):
            self.close()  # its buffers go first
            self._parquet = _RowGroup(part)
        return self._parquet.take(part["rows"])


class _RowGroup:
    """A row group that is read from its front to its end, so that only a little of it is in memory."""

    def __init__(self, part: Slice) -> None:
        self._key, self._at = _key(part), 0
        file = self._file = _parquet_file(part["path"])
        group = file.metadata.row_group(part["group"])
        self._batches: Iterator[Any] = file.iter_batches(
            batch_size=step_rows(part["rows"], group.num_rows, group.total_byte_size),
            row_groups=[part["group"]],
            columns=_columns(file, part),
            use_threads=False,  # other processes have the other cores
        )
        self._rest: list[Any] = []
        self._skip(part["start"])

    def close(self) -> None:
        self._rest.clear()
        self._batches = iter(())
        self._file.close(force=True)

    def is_before(self, part: Slice) -> bool:
        """Whether the next rows are those of ``part``."""
        return self._key == _key(part) and self._at == part["start"]

    def take(self, rows: int) -> Any:
        """The next ``rows`` as a DataFrame."""
        import pyarrow

        return pyarrow.Table.from_batches(self._next(rows)).to_pandas()

    def _skip(self, rows: int) -> None:
        step = 1 << 20
        while rows > 0:
            self._next(min(rows, step))
            rows -= step

    def _next(self, rows: int) -> list[Any]:
        found = []
        self._at += rows
        while rows > 0:
            batch = self._rest.pop() if self._rest else next(self._batches)
            if len(batch) > rows:
                self._rest.append(batch.slice(rows))
                batch = batch.slice(0, rows)
            rows -= len(batch)
            found.append(batch)
        return found


def _parquet_file(path: str) -> Any:
    import pyarrow
    import pyarrow.parquet

    if "://" in path:  # all columns of a row group in as few requests as possible
        return pyarrow.parquet.ParquetFile(open_bytes(path))
    # Piece by piece, so that not the whole row group is in memory; not mapped, as a file that becomes
    # shorter would then end the process.
    return pyarrow.parquet.ParquetFile(pyarrow.OSFile(path), buffer_size=BUFFER_BYTES, pre_buffer=False)


def step_rows(rows: int, group_rows: int, group_bytes: int) -> int:
    """The rows of a row group to decode at once: a few mini-batches of ``rows``, or one that is large."""
    most = STEP_BYTES * group_rows // max(1, group_bytes)
    return max(1, rows) * min(MOST_AT_ONCE, max(1, most // max(1, rows)))


def _columns(file: Any, part: Slice) -> list[str] | None:
    """The columns of a Parquet file that are to be read; None for all."""
    own = file.schema_arrow.names
    left = columns_of([*own, *part.get("added", {})], part.get("steps", ()))
    return None if left is None else [name for name in left if name in own]


def _key(part: Slice) -> tuple[Any, ...]:
    return part["path"], part["group"], repr(part.get("steps"))


def read_text(part: Slice) -> Any:
    """The rows of a slice of a text file."""
    import pandas

    with open_bytes(part["path"]) as file:
        file.seek(part["begin"])
        content = file.read(part["end"] - part["begin"])
    options = dict(part["options"])
    if part["format"] == JSON_LINES:
        frame = pandas.read_json(io.BytesIO(content), **options)
        if part.get("names"):
            frame = frame.reindex(columns=part["names"])
    else:
        given = options.pop("dtype", None)
        types = given if given is not None else part.get("parse") or None
        given_here = {"header": None, "names": part["names"], "dtype": types}
        frame = pandas.read_csv(io.BytesIO(content), **{**options, **given_here})
        if not isinstance(frame.index, pandas.RangeIndex):  # pandas has taken the first values for an index
            raise ValueError(f"a record has more values than the {len(part['names'])} columns")
    for name, kind in part.get("cast", {}).items():
        frame[name] = frame[name].astype(kind)
    return frame


def open_bytes(path: str) -> BinaryIO:
    """A file, or what is at a URL that fsspec knows, to read and to seek in."""
    if "://" not in path:
        return open(path, "rb")
    import fsspec

    return fsspec.open(path, "rb").open()  # type: ignore[no-any-return]


def columns_of(names: Sequence[str], steps: Sequence[Any]) -> list[str] | None:
    """The columns that are left after the steps, in their order; None for all."""
    if not steps:
        return None
    left = list(names)
    for step, given in steps:
        left = list(given) if step == "keep" else [name for name in left if name not in given]
    return left


def finished(frame: Any, steps: Sequence[Any], added: Mapping[str, Any]) -> Any:
    """The rows of a file with the columns that are added, and without those that the steps leave out."""
    if added:
        frame = frame.assign(**added)
    return frame[columns_of([*frame.columns], steps)] if steps else frame
