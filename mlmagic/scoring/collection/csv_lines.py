"""Rows as lines of CSV: byte for byte as the module csv writes them, in less time.

A line begins with fields that the caller writes; here is the rest of it. orjson writes a number many times as
fast as Python. It writes the same digits, but for those numbers that one of the two writes with an exponent.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import count, repeat
from types import SimpleNamespace
from typing import Any, NamedTuple

import orjson

from mlmagic.scoring.collection.tables import Table, prediction_of, table_of

_line = csv.writer(SimpleNamespace(write=str)).writerow
"""Returns the line."""
_DIGITS = b"0123456789.-"
_SMALL = b"0.0000"
_BETWEEN = b",null,"
_arrays = re.compile(rb"\[[][0-9.,-]*\]")
_places = re.compile(rb"(?<=[\[,])(?=[\],])|^$")


class Shape(NamedTuple):
    """How a body is a table."""

    names: tuple[str, ...]
    form: str
    """As of a `Table`, as one field."""
    rows: int


Lines = tuple[Shape, list[str]]
"""The rows of a body: of each line, a comma before each value, and the line end."""


def field(text: str) -> str:
    """``text`` as one field."""
    if '"' in text:
        return '"' + text.replace('"', '""') + '"'
    return f'"{text}"' if "," in text or "\n" in text or "\r" in text else text


def table_lines(table: Table) -> Lines:
    """The rows of a table."""
    return _shape_of(table), [_end(row) for row in table.rows]


def number_lines(bodies: Sequence[bytes], input_rows: Sequence[int] | None = None) -> list[Lines] | None:
    """The rows of bodies in JSON that hold one array of numbers each, such as ``{"data": [[1.5, 2]]}``.

    None unless all do, with the same JSON around it. Of answers, ``input_rows`` says how many rows were sent.
    How an array is a table is found out once for each shape, and the numbers are copied as text.
    """
    values: list[Any] = [None] * (2 * len(bodies) - 1)
    try:
        first = orjson.dumps(orjson.loads(bodies[0]))
        before, array, after = first.partition(max(_arrays.findall(first), key=len, default=first))
        if not _are_plain(array):
            return None
        values[::2] = [orjson.loads(body) for body in bodies]
        text = orjson.dumps(values)
    except (ValueError, TypeError):
        return None
    if not text.endswith(after + b"]"):
        return None
    # There is a null between any two values. If each is replaced, and no letter is left, there was no other.
    arrays = text[1 + len(before) : -1 - len(after)].replace(after + _BETWEEN + before, b"\n")
    if arrays.count(b"\n") != len(bodies) - 1 or b"[]" in arrays or not _are_plain(arrays):
        return None
    found: list[Lines] = []
    for array, numbers, rows in zip(
        arrays.translate(None, _DIGITS).split(b"\n"),
        arrays.translate(None, b"[]").decode().split("\n"),
        input_rows or repeat(None, len(bodies)),
        strict=True,
    ):
        shape = _shape(before, array, after, rows)
        if shape is None:
            return None
        found.append((shape, [f",{numbers}\r\n"] if shape.rows == 1 else _ends(numbers, len(shape.names))))
    return found


def _ends(numbers: str, width: int) -> list[str]:
    values = numbers.split(",")
    return [f",{','.join(values[at : at + width])}\r\n" for at in range(0, len(values), width)]


@lru_cache(256)
def _shape(before: bytes, array: bytes, after: bytes, input_rows: int | None) -> Shape | None:
    """That of JSON without the numbers of its array; None if the table has not just those, in their order."""
    numbers = count(1)
    filled = _places.sub(lambda _: b"%d" % next(numbers), array)
    try:
        value = orjson.loads(before + filled + after)
    except ValueError:  # the array is within a text
        return None
    table = table_of(value) if input_rows is None else prediction_of(value, input_rows)
    if table is None or [each for row in table.rows for each in row] != [*range(1, next(numbers))]:
        return None
    return _shape_of(table)


def _shape_of(table: Table) -> Shape:
    return Shape(tuple(table.names), field(table.form), len(table.rows))


def _end(row: Sequence[Any]) -> str:
    try:
        encoded = orjson.dumps(row)[1:-1]
    except TypeError:  # an integer of more than 64 bits, or text that is no UTF-8
        encoded = b""
    if encoded and _are_plain(encoded):
        return f",{encoded.decode()}\r\n"
    line: str = _line(["", *row])
    return line if row else "\r\n"


def _are_plain(encoded: bytes) -> bool:
    """Whether these are numbers only, all of which CSV has in the same digits."""
    return not encoded.translate(None, b"[],\n" + _DIGITS) and _SMALL not in encoded
