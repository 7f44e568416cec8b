"""Values of JSON as tables: records, rows, columns, and tensors of the Open Inference Protocol."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

BODY = "body"
"""The column of what is no table."""
PREDICTION = "prediction"
"""The column of predictions without a name."""
RECORD, RECORDS, ROW, ROWS, SPLIT, COLUMNS = "record", "records", "row", "rows", "split", "columns"
TEXT = "text"
"""The forms of a table; `TEXT` is a body that is none."""
_NUMBERS = frozenset((int, float, bool, type(None)))
_SCALARS = _NUMBERS | {str}


class Table(NamedTuple):
    """Columns and rows."""

    names: list[str]
    rows: list[list[Any]]
    named: bool = True
    """Whether the names are those of the data."""
    form: str = ""
    """How the table was written in the body: the keys that lead to it, then one of its kind, such as
    ``data/rows``. See `body_of`."""


def generated_names(width: int) -> list[str]:
    """Names of columns that have none."""
    return list(_generated(width))


@lru_cache(256)
def _generated(width: int) -> tuple[str, ...]:
    return tuple(f"column_{at}" for at in range(width))


def table_of(value: Any, path: str = "") -> Table | None:
    """``value`` as a table; None if it is none.

    An object with one list or object in it, such as ``{"data": [...]}``, is read as that. ``path`` are the
    keys that lead to ``value``.
    """
    if isinstance(value, list):
        return _of_list(value, path)
    if not isinstance(value, dict) or not value:
        return None
    if _is_split(value):
        return _of_columns_and_rows(value, path)
    if _is_scalar_row(value.values()):
        return Table([str(name) for name in value], [list(value.values())], form=f"{path}{RECORD}")
    tensors = value.get("inputs", value.get("outputs"))
    if isinstance(tensors, list) and tensors and all(map(_is_tensor, tensors)):
        return _of_tensors(tensors)
    if len(value) == 1:
        ((name, inner),) = value.items()
        return table_of(inner, f"{path}{_escaped(str(name))}/")
    if all(isinstance(each, list) for each in value.values()):
        return _of_named_lists(value, path)
    return None


def body_of(form: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
    """Convert a table back to the JSON value it was read from. Raises `ValueError` for an unknown form."""
    *path, kind = form.split("/")
    records = [dict(zip(names, row, strict=True)) for row in rows]
    value: Any
    if kind == RECORD:
        (value,) = records
    elif kind == RECORDS:
        value = records
    elif kind == ROW:
        value = list(rows[0])
    elif kind == ROWS:
        value = [list(row) for row in rows]
    elif kind == SPLIT:
        value = {"columns": list(names), "data": [list(row) for row in rows]}
    elif kind == COLUMNS:
        value = {name: [record[name] for record in records] for name in names}
    else:
        raise ValueError(f"a body of the form {form!r} cannot be written again")
    for key in reversed(path):
        value = {key.replace("~1", "/").replace("~0", "~"): value}
    return value


def prediction_of(value: Any, input_rows: int) -> Table | None:
    """An answer as a table. A list of one value for each row of the input has one column."""
    if type(value) in _SCALARS:
        return Table([PREDICTION], [[value]], named=_are_numbers([value]))
    name, inner, named = PREDICTION, value, False
    if isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        name, named = str(key), True
    if isinstance(inner, list) and len(inner) == input_rows and _is_scalar_row(inner):
        return Table([name], [[each] for each in inner], named or _are_numbers(inner))
    return table_of(value)


def csv_table(text: str) -> Table | None:
    """CSV as a table; a first line of numbers is no header. None if its rows have different lengths."""
    rows: list[list[Any]] = [row for row in csv.reader(io.StringIO(text)) if row]
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        return None
    head = rows[0]
    has_header = not all(_reads_as_number(cell) for cell in head if cell.strip())
    names = head if has_header else generated_names(len(head))
    return Table(names, rows[has_header:], named=has_header)


def _of_list(value: list[Any], path: str) -> Table | None:
    if not value:
        return None
    kinds = {*map(type, value)}
    if kinds == {dict}:
        names = list(dict.fromkeys(str(name) for each in value for name in each))
        rows = [[each.get(name) for name in names] for each in value]
        return Table(names, rows, form=f"{path}{RECORDS}") if all(map(_is_scalar_row, rows)) else None
    if kinds <= _SCALARS:
        return Table(generated_names(len(value)), [value], False, f"{path}{ROW}")
    if kinds != {list} or not value[0] or len({*map(len, value)}) != 1 or not all(map(_is_scalar_row, value)):
        return None
    return Table(generated_names(len(value[0])), value, False, f"{path}{ROWS}")


def _escaped(key: str) -> str:
    """As in a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1") if "~" in key or "/" in key else key


def _is_split(value: dict[str, Any]) -> bool:
    """As pandas writes a table with ``orient="split"``."""
    return "columns" in value and {"columns", "data"} <= value.keys() <= {"columns", "data", "index"}


def _of_columns_and_rows(value: dict[str, Any], path: str) -> Table | None:
    names, rows = value["columns"], value["data"]
    if not isinstance(names, list) or not isinstance(rows, list):
        return None
    if not all(isinstance(row, list) and len(row) == len(names) and _is_scalar_row(row) for row in rows):
        return None
    return Table([str(name) for name in names], rows, form=f"{path}{SPLIT}")


def _of_named_lists(value: dict[str, list[Any]], path: str) -> Table | None:
    columns = list(value.values())
    if not columns[0] or any(len(each) != len(columns[0]) for each in columns):
        return None
    rows = [list(row) for row in zip(*columns, strict=True)]
    if not all(map(_is_scalar_row, rows)):
        return None
    return Table([str(name) for name in value], rows, form=f"{path}{COLUMNS}")


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and {"name", "shape", "datatype"} <= value.keys()


def _of_tensors(tensors: Sequence[dict[str, Any]]) -> Table | None:
    """Tensors of as many rows each, side by side. None for those whose data is not in the JSON."""
    names: list[str] = []
    columns: list[list[Any]] = []
    named = True
    for tensor in tensors:
        shape, data = tensor.get("shape"), _flat(tensor.get("data"))
        if not isinstance(shape, list) or not shape or not _is_scalar_row(data):
            return None
        if not all(isinstance(each, int) for each in shape) or prod(shape) != len(data):
            return None
        width = prod(shape[1:])
        one = width == 1
        named = named and one
        name = str(tensor.get("name", ""))
        names += [name] if one else [f"{name}_{at}" for at in range(width)]
        columns += [data[at::width] for at in range(width)]
    if len({len(each) for each in columns}) != 1:
        return None
    return Table(names, [list(row) for row in zip(*columns, strict=True)], named)


def _flat(data: Any) -> list[Any]:
    if not isinstance(data, list):
        return [data]
    if data and all(isinstance(each, list) for each in data):
        return [value for each in data for value in _flat(each)]
    return data


def _is_scalar_row(values: Iterable[Any]) -> bool:
    return _SCALARS.issuperset(map(type, values))


def _are_numbers(values: Iterable[Any]) -> bool:
    return _NUMBERS.issuperset(map(type, values))


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
