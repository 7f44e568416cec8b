"""Lines of CSV are those of the module csv, whatever the values are."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from mlmagic.scoring.collection.csv_lines import field, number_lines, table_lines
from mlmagic.scoring.collection.request_tables import timestamp
from mlmagic.scoring.collection.tables import Table, prediction_of, table_of

ROW = [1, -2.5, 0.1, 1e15]
VALUES = [
    *(0, -1, 2**63, 2**64, -(2**70), 0.0, -0.0, 1e15, 1e16, 1e-4, 1e-5, -1.5e-7, 5e-324, 1e300, 0.1 + 0.2),
    *(float("nan"), float("inf"), None, True, False),
    *("", "a", "a,b", 'a "b"', "two\nlines", "cr\r", "],[", "[1]", "1e-05", "null", "é", "\ud800", " x "),
]


def by_csv(rows: Sequence[Sequence[Any]]) -> list[str]:
    """The lines of the module csv, each after a first field that is empty."""
    lines = []
    for row in rows:
        file = io.StringIO(newline="")
        csv.writer(file).writerow(["first", *row])
        lines.append(file.getvalue().removeprefix("first"))
    return lines


@pytest.mark.parametrize("value", VALUES)
def test_any_value(value: Any) -> None:
    rows = [[value], [value, value], [1.5, value], [value, 2]]
    for row in rows:
        _, ends = table_lines(Table([str(at) for at in range(len(row))], [row]))
        assert ends == by_csv([row])
    if isinstance(value, str):
        assert f",{field(value)}\r\n" == by_csv([[value]])[0]


def test_a_table_without_columns() -> None:
    assert table_lines(Table([], [[], []]))[1] == by_csv([[], []])


def test_many_numbers() -> None:
    numbers = random.Random(1)
    rows = [
        [number * 10 ** numbers.uniform(-8, 18), round(number, 3), float(round(number * 1e6))]
        for number in (numbers.choice([-1, 1]) * numbers.random() for _ in range(5000))
    ]
    assert table_lines(Table(["a", "b", "c"], rows))[1] == by_csv(rows)


@pytest.mark.parametrize(
    "values",
    [
        [{"data": [ROW]}, {"data": [ROW, ROW]}, {"data": [[1]]}],
        [[[1, 2]], [[3, 4]]],
        [[1, 2], [3]],
        [{"a/b": {"c,d": [1.5, 2]}}],
        [{"columns": ["p", "q"], "data": [[1, 2], [3, 4]]}] * 3,
        [{"1": None, "data": [[0.25]]}],
    ],
)
def test_bodies_of_numbers_are_the_lines_of_their_tables(values: list[Any]) -> None:
    tables = [table_of(value) for value in values]
    found = number_lines([json.dumps(value, indent=1).encode() for value in values])
    if None in tables:
        assert found is None
    else:
        assert found == [table_lines(table) for table in tables if table is not None]
        assert [ends for _, ends in found or []] == [by_csv(table.rows) for table in tables if table]


@pytest.mark.parametrize(
    ("values", "sent"),
    [
        ([[0.5], [0.75]], [1, 1]),
        ([[0.5, 0.75]], [2]),
        ([[0.5, 0.75]], [1]),
        ([[[0.1, 0.9], [0.2, 0.8]]], [2]),
        ([{"result": [1, 2]}], [2]),
        ([0.5, 1], [1, 3]),
    ],
)
def test_answers_of_numbers_are_the_lines_of_their_tables(values: list[Any], sent: list[int]) -> None:
    tables = [prediction_of(value, rows) for value, rows in zip(values, sent, strict=True)]
    found = number_lines([json.dumps(value).encode() for value in values], sent)
    assert found == [table_lines(table) for table in tables if table is not None]


@pytest.mark.parametrize(
    "bodies",
    [
        [b'{"data": [[1]]}', b"[[1]]"],
        [b"[1]", b"[null]"],
        [b"[1,null,2]", b"[3]"],
        [b"[1]", b"2,3", b"[4"],
        [b"[1", b"2]"],
        [b"[1]", b"", b"\xff"],
        [b"[1e-05]"],
        [b"[123456789012345678901234]"],
        [b"[NaN]"],
        [b'["1"]'],
        [b"[[1], [2, 3]]"],
        [b"[[]]"],
        [b"[]", b"[1]"],
        [b'{"a": 1, "b": 2}'],
        [b'{"a": "[1,2]"}'],
        [b'{"a": "[,-]"}'],
        [b'"]["'],
        [b'{"data": [[1], "x]"]}'],
        [b"true"],
    ],
)
def test_other_bodies_are_left_to_tables(bodies: list[bytes]) -> None:
    assert number_lines(bodies) is None
    assert number_lines(bodies, [0] * len(bodies)) is None


@pytest.mark.parametrize(
    ("second", "microsecond"),
    [(0, 0), (1, 500000), (1700000000, 0), (1700000000, 1), (1700000000, 123456), (1709251199, 999999)],
)
def test_a_time_is_as_datetime_writes_it(second: int, microsecond: int) -> None:
    moment = datetime.fromtimestamp(second, UTC).replace(microsecond=microsecond)
    assert timestamp(second * 10**9 + microsecond * 1000 + 999) == (moment.date(), moment.isoformat())
