"""CSV and JSON lines files in parts: where their records end, and which types their columns have together.

Each part is parsed by itself, so its types would depend on where it begins: a column of whole numbers with
one gap in the file would be float64 in one mini-batch and int64 in the others. So all parts are looked at
first, and each is then read with the types that the whole file has.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, BinaryIO

from mlmagic.core.mini_batches import common_type
from mlmagic.errors import UsageError
from mlmagic.scoring.batch.tables import DELIMITED, JSON_LINES, PARQUET, open_bytes, read_text

if TYPE_CHECKING:
    import pandas

READERS = {DELIMITED: "read_csv", PARQUET: "read_parquet", JSON_LINES: "read_json"}
"""pandas' function for each format."""
_BLOCK = 1 << 20
_COMPRESSED = (".gz", ".bz2", ".zip", ".xz", ".zst", ".tar")
_ENCODINGS = {"utf8", "utf-8", "ascii", "latin-1", "latin1", "iso-8859-1", "cp1252"}
"""In these a line feed or a quotation mark is one byte, and no other character has that byte."""

Look = tuple[int, list[str], dict[str, str]]
"""What a part has: the number of its rows, its columns, and their types; ``empty`` without any value."""


def can_be_split(path: str, options: Mapping[str, Any]) -> bool:
    """Whether parts of the file can be read by themselves; otherwise it is read whole."""
    encoding = str(options.get("encoding") or "utf-8").lower()
    return not path.lower().endswith(_COMPRESSED) and encoding in _ENCODINGS


def look(part: Mapping[str, Any]) -> Look:
    """Parse a part. Raises `UsageError` if it cannot be read."""
    try:
        frame = read_text(part)
    except (OSError, ValueError) as error:
        raise UsageError(f"{part['path']} cannot be read: {error}") from None
    types = {
        name: "empty" if len(frame) == 0 or bool(frame[name].isna().all()) else str(frame[name].dtype)
        for name in frame.columns
    }
    return len(frame), [*frame.columns], types


def slices(whole: dict[str, Any], size: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Parts of about ``size`` bytes with the number of their rows; none without rows.

    ``whole`` is the slice of the file, without its bounds.
    """
    try:
        with open_bytes(whole["path"]) as file:
            begin, names = _header(whole, file)
            bounds = list(record_bounds(file, begin, size, _quote(whole)))
    except (OSError, ValueError) as error:
        raise UsageError(f"{whole['path']} cannot be read: {error}") from None
    parts = [{**whole, "names": names, "begin": at, "end": end} for at, end in bounds]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        looks = list(threads.map(look, parts))
    if whole["format"] == JSON_LINES:
        names = list(dict.fromkeys(name for _, columns, _ in looks for name in columns))
    types = _types(whole, names, looks)
    for part, (rows, _, _) in zip(parts, looks, strict=True):
        if rows:
            yield rows, {**part, "names": names, **types}


def _types(whole: Mapping[str, Any], names: Sequence[str], looks: Sequence[Look]) -> dict[str, Any]:
    parse, cast = {}, {}
    for name in names:
        seen = [types.get(name, "empty") for rows, _, types in looks if rows]
        for_parser, afterwards = common_type(seen)
        if for_parser is not None and len({*seen}) > 1:
            parse[name] = for_parser
        if afterwards is not None and len({*seen}) > 1:
            cast[name] = afterwards
    if whole["format"] == JSON_LINES:
        cast |= {name: kind if kind != "str" else "object" for name, kind in parse.items()}
        parse = {}
    return {"parse": parse, "cast": cast}


def record_bounds(file: BinaryIO, begin: int, size: int, quote: bytes) -> Iterator[tuple[int, int]]:
    """Where parts of at least ``size`` bytes begin and end, from ``begin`` on; each ends with a record.

    A line feed between marks ``quote`` belongs to a value: it does not end a record. Empty: there are none.
    """

    def odd(block: bytes, since: int, until: int) -> bool:
        return bool(quote) and block.count(quote, since, until) % 2 == 1

    file.seek(begin)
    start = at = begin
    quoted = False
    while block := file.read(_BLOCK):
        counted = 0
        while (wanted := max(counted, start + size - 1 - at)) < len(block):
            quoted ^= odd(block, counted, wanted)
            counted, is_end = wanted, False
            while counted < len(block) and not is_end:
                line_end = block.find(b"\n", counted)
                stop = len(block) if line_end < 0 else line_end + 1
                quoted ^= odd(block, counted, stop)
                counted, is_end = stop, line_end >= 0 and not quoted
            if is_end:
                yield start, at + counted
                start = at + counted
        quoted ^= odd(block, counted, len(block))
        at += len(block)
    if start < at:
        yield start, at


def read_whole(path: str, form: str, options: Mapping[str, Any]) -> pandas.DataFrame:
    """All rows of a file. Raises `UsageError` if it cannot be read."""
    import pandas

    read = getattr(pandas, READERS[form])
    try:
        frame = read(path, **options)
    except ImportError as error:
        raise UsageError(
            f"{path} cannot be read: {error}", hint="Install fsspec and its package for this kind of URL."
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    if options.get("header", 0) is None:
        frame.columns = column_names(len(frame.columns))
    return frame


def column_names(count: int) -> list[str]:
    """The names of columns in a file without a header, as Azure ML v1 gives them."""
    return [f"Column{place}" for place in range(1, count + 1)]


def _header(whole: Mapping[str, Any], file: BinaryIO) -> tuple[int, list[str]]:
    """Where the rows begin, and the names of the columns."""
    import pandas

    if whole["format"] == JSON_LINES:
        return 0, []
    options = dict(whole["options"])
    for begin, end in record_bounds(file, 0, 1, _quote(whole)):
        file.seek(begin)
        record = file.read(end - begin)
        if record.strip(b"\r\n \t\xef\xbb\xbf"):
            frame = pandas.read_csv(io.BytesIO(record), **options)
            is_header = options.get("header", 0) is not None
            return (end, [*frame.columns]) if is_header else (begin, column_names(len(frame.columns)))
    return 0, []


def _quote(whole: Mapping[str, Any]) -> bytes:
    is_plain = whole["format"] == JSON_LINES or whole["options"].get("quoting") == csv.QUOTE_NONE
    return b"" if is_plain else b'"'
