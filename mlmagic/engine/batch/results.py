"""The results of a batch job as files: those of a span, and those of all together."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmagic.core.batch import BatchPlan
from mlmagic.errors import InvalidConfig
from mlmagic.workspace.file_writing import with_remedy
from mlmagic.workspace.run_folders import draft_of

if TYPE_CHECKING:
    import pyarrow

LINES, TABLE, COUNT = "lines", "table", "count"
"""What the script's process writes: a line for each result, a row, or only their number."""
SUFFIXES = (".parquet", ".csv", ".jsonl")


def kind_of(plan: BatchPlan) -> str:
    """What the script's process writes in a job."""
    if plan.as_table:
        return TABLE
    return LINES if plan.appends else COUNT


def joined(kind: str, payloads: Sequence[bytes]) -> bytes:
    """The results of a span: lines as they are, tables as one Parquet file."""
    if kind != TABLE:
        return b"".join(payloads)
    import pyarrow
    import pyarrow.parquet

    tables = [pyarrow.ipc.open_stream(payload).read_all() for payload in payloads if payload]
    if not tables:
        return b""
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.concat_tables(tables, promote_options="permissive"), sink)
    return sink.getvalue()


def write_lines(parts: Iterable[Path], output: Path) -> None:
    """Join the lines of all parts to a file, which is there whole or not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_of(output)
    try:
        with with_remedy(output.parent):
            with open(draft, "xb") as file:
                for part in parts:
                    with part.open("rb") as content:
                        shutil.copyfileobj(content, file, 1 << 20)
            draft.replace(output)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def check_output(output: Path) -> None:
    """Raises `InvalidConfig` for a file of a kind that results cannot be written as."""
    if output.suffix and output.suffix.lower() not in SUFFIXES:
        raise InvalidConfig(
            "output",
            str(output),
            f"must be a folder, or a file that ends with {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}",
        )


def write_table(parts: Sequence[Path], output: Path) -> None:
    """Make the results of all parts a file by the suffix of ``output``, or a folder of Parquet files.

    It is there whole or not at all. No more than one part is in memory.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_of(output)
    try:
        with with_remedy(output.parent):
            if not output.suffix:
                _write_folder(parts, draft)
                if output.is_dir():
                    shutil.rmtree(output)
            elif output.suffix.lower() == ".parquet":
                _write_parquet(parts, draft)
            else:
                _write_text(parts, draft, output.suffix.lower())
            draft.replace(output)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        draft.unlink(missing_ok=True)
        raise


def _schema(parts: Sequence[Path]) -> pyarrow.Schema:
    """One schema that the rows of all parts have, or can be cast to."""
    import pyarrow
    import pyarrow.parquet

    schemas = [pyarrow.parquet.read_schema(part) for part in parts]
    return pyarrow.unify_schemas(schemas, promote_options="permissive") if schemas else pyarrow.schema([])


def _tables(parts: Sequence[Path], schema: pyarrow.Schema) -> Iterable[pyarrow.Table]:
    import pyarrow
    import pyarrow.parquet

    empty = schema.empty_table()
    for part in parts:
        table = pyarrow.parquet.read_table(part)
        if table.schema != schema:
            table = pyarrow.concat_tables([empty, table], promote_options="permissive")
        yield table


def _write_folder(parts: Sequence[Path], folder: Path) -> None:
    import pyarrow.parquet

    folder.mkdir()
    schema = _schema(parts)
    width = max(5, len(str(len(parts))))
    for number, part in enumerate(parts):
        target = folder / f"part-{number:0{width}}.parquet"
        if pyarrow.parquet.read_schema(part) == schema:
            try:
                os.link(part, target)  # a copy would cost time; a moved file would be missing after a kill
            except OSError:  # the output is on another disk
                shutil.copyfile(part, target)
            continue
        for table in _tables([part], schema):
            pyarrow.parquet.write_table(table, target)


def _write_parquet(parts: Sequence[Path], file: Path) -> None:
    import pyarrow.parquet

    schema = _schema(parts)
    with pyarrow.parquet.ParquetWriter(file, schema) as writer:
        for table in _tables(parts, schema):
            writer.write_table(table)


def _write_text(parts: Sequence[Path], file: Path, suffix: str) -> None:
    with file.open("x", encoding="utf-8", newline="") as text:
        for number, table in enumerate(_tables(parts, _schema(parts))):
            frame: Any = table.to_pandas()
            if suffix == ".csv":
                frame.to_csv(text, index=False, header=number == 0)
            else:
                frame.to_json(text, orient="records", lines=True)
