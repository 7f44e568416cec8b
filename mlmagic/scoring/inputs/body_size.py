"""How much memory a body takes once it is read, known before it is: few bytes may stand for many.

A body may be unpacked to the size of the largest body, and its values may take `EXPANSION` times as much. The
functions whose names begin with ``check`` raise `BadInput`, with status 413.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO, StringIO
from itertools import chain, islice
from typing import Any

from mlmagic.scoring.http.body_budget import BUDGET
from mlmagic.scoring.http.request import BadInput, Request

CELL = 8
"""Bytes of a number, or of a pointer to anything else."""
COLUMN = 2048
"""Bytes of a column of pandas in itself."""
_LIST, _DICT, _ITEM = 88, 208, 20
"""Bytes of the values of JSON in Python."""
_HEAD = 1024 * 1024
"""The first lines of a CSV file are within so many bytes."""
_DEPTH = 64
"""numpy has no arrays of more dimensions."""


class BodySize:
    """The memory of all that one body is read to, such as the files of a form; of ``request``, if given."""

    def __init__(self, request: Request | None = None) -> None:
        self._request = request
        self._unpacked = self._values = 0

    def check_unpacked(self, size: int) -> None:
        """For ``size`` more bytes that are unpacked. They count among the bodies in progress, too."""
        self._unpacked += size
        if self._unpacked > BUDGET.each:
            raise BadInput(BUDGET.too_large("unpacked body", self._unpacked), status=413)
        if self._request is not None:
            self._request.hold(size)

    def check_values(self, size: int) -> None:
        """For ``size`` more bytes of values."""
        self._values += size
        check_values(self._values)


def check_values(size: int, what: str = "The values of the body") -> None:
    """For values that take ``size`` bytes."""
    if size > BUDGET.values:
        raise BadInput(BUDGET.too_many_values(what, size), status=413)


def json_size(body: bytes) -> int:
    """The bytes of the values of a JSON text, roughly. What is within its texts counts, too."""
    return _LIST * body.count(b"[") + _DICT * body.count(b"{") + _ITEM * body.count(b",")


def npy_size(body: bytes) -> int:
    """The bytes of the array in a .npy file, as its header says. Raises ValueError for no such file."""
    import numpy

    file = BytesIO(body)
    version = numpy.lib.format.read_magic(file)
    read = (
        numpy.lib.format.read_array_header_1_0
        if version == (1, 0)
        else numpy.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read(file)
    check_shape(shape)
    size = math.prod(shape) * int(dtype.itemsize)
    if math.prod(shape) and not size:
        raise ValueError("its values have no size")
    if not dtype.hasobject and size > len(body) - file.tell():
        raise ValueError(f"its header says {size} bytes, and {len(body) - file.tell()} follow")
    return size


def check_shape(shape: Sequence[int]) -> None:
    """An array without values may be any number of empty lists."""
    if 0 in shape:
        check_values(
            _LIST * math.prod(shape[: shape.index(0)]), f"The empty lists of the shape {list(shape)}"
        )


def nested_size(shape: Sequence[int]) -> int:
    """The bytes of an array as nested lists: each dimension of one adds a list to each value."""
    lists, size = 1, 1
    for length in shape[:-1]:
        size *= length
        lists += size
    return _LIST * lists + _ITEM * math.prod(shape)


def csv_size(body: bytes) -> int:
    """The bytes of the table in a CSV file, roughly: short lines are filled up."""
    import csv

    head = StringIO(body[:_HEAD].decode("utf-8", "replace"), newline="")
    try:
        width = max(map(len, islice(csv.reader(head), 2)), default=0)
        is_cut = len(body) > _HEAD and not head.read(1)
    except csv.Error:  # a field that is very long
        is_cut = True
    if is_cut:
        width = 1 + body.count(b",")
    rows = 1 + body.count(b"\n") + body.count(b"\r") - body.count(b"\r\n")
    return width * (COLUMN + rows * CELL)


def frame_size(value: Any) -> int:
    """The bytes of the table that pandas makes of lists and dicts: short and missing parts are filled up."""
    rows, columns = _extent(value)
    return columns * (COLUMN if columns > rows else 0) + rows * columns * CELL


def _extent(value: Any) -> tuple[int, int]:
    """Rows and columns."""
    if isinstance(value, dict) and "data" in value and value.keys() <= {"columns", "index", "data"}:
        rows, columns = _extent(value["data"])
        return max(rows, _length(value.get("index"))), max(columns, _length(value.get("columns")))
    if isinstance(value, dict) and isinstance(schema := value.get("schema"), dict) and "data" in value:
        rows, columns = _extent(value["data"])
        return rows, max(columns, _length(schema.get("fields")))
    if isinstance(value, dict):
        return _longest(list(value.values())), len(value)
    if isinstance(value, list):
        return len(value), _longest(value)
    return 1, 1


def _longest(parts: list[Any]) -> int:
    """Lists are as long as the longest, and dicts together have all keys of each."""
    keys: set[Any] = set()
    longest = 1
    for part in parts:
        if isinstance(part, dict):
            keys.update(part)
        elif isinstance(part, list) and len(part) > longest:
            longest = len(part)
    return max(longest, len(keys))


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list) else 0


def check_text_array(value: Any) -> None:
    """In an array of text each value takes as much memory as the longest."""
    if not isinstance(value, list):
        return
    longest, count, level = 0, 0, value
    for _ in range(_DEPTH):
        kinds = set(map(type, level))
        lists = level if kinds == {list} else [each for each in level if type(each) is list]
        count += len(level) - len(lists)
        if str in kinds:
            longest = max(longest, *(len(each) for each in level if type(each) is str))
        if not lists:
            break
        level = list(chain.from_iterable(lists))
    check_values(4 * longest * count, f"The texts of an array, of {longest} characters each,")
