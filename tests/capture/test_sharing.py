# ruff: noqa: E501 - one case, one line
"""An object that several names lead to is one object in the service, too."""

from __future__ import annotations

from typing import Any

import pytest

from mlmagic.capture.sharing import shared_objects
from tests.support.notebooks import Notebook

DATACLASS = "from dataclasses import dataclass\n@dataclass\nclass Box:\n    items: list\n    n: int = 0\n"


@pytest.mark.parametrize(
    ("cells", "expression", "expected"),
    [
        (["a = [1]\nb = a"], "(a.append(2), b)[1]", [1, 2]),
        (["a = [1]\nb = a"], "(b.append(2), a)[1]", [1, 2]),
        (["a = b = c = {}"], "(c.update(x=1), a, b)[1:]", ({"x": 1}, {"x": 1})),
        (["a = {'k': 1}\nb = {'one': a, 'two': [a]}"], "(a.update(k=2), b)[1]", {"one": {"k": 2}, "two": [{"k": 2}]}),
        (["inner = [1]\na = {'x': inner}\nb = {**a, 'y': 2}"], "(a['x'].append(2), b)[1]", {"x": [1, 2], "y": 2}),
        (["inner = [1]\na = [inner, inner]"], "(a[0].append(2), a)[1]", [[1, 2], [1, 2]]),
        (["a = bytearray(b'x')\nb = (a, 1)"], "(a.append(121), bytes(b[0]))[1]", b"xy"),
        (["from collections import defaultdict\na = defaultdict(list)\nb = [a]"], "(a['k'].append(1), dict(b[0]))[1]", {"k": [1]}),
        ([DATACLASS + "box = Box([1])\nboxes = {'a': box}"], "(setattr(box, 'n', 5), boxes['a'].n)[1]", 5),
        ([DATACLASS + "rows = [1]\nbox = Box(rows)"], "(rows.append(2), box.items)[1]", [1, 2]),
        (["a = {1}\ndef add(): a.add(2)\nb = [a]\ndef show(): return b"], "(add(), show())[1]", [{1, 2}]),
        # Equal, and not the same.
        (["a = [1]\nb = [1]"], "(a.append(2), b)[1]", [1]),
        (["a = 'x'\nb = a\nc = (a, b)\nd = c"], "(a, b, c, d)", ("x", "x", ("x", "x"), ("x", "x"))),
    ],
)  # fmt: skip
def test_a_change_is_seen_through_each_name(
    notebook: Notebook, cells: list[str], expression: str, expected: Any
) -> None:
    assert notebook.run(*cells).answer(expression) == expected


def test_the_source_says_what_is_shared(notebook: Notebook) -> None:
    notebook.run("inner = [1]\na = {'x': inner}\nb = {'y': inner}\nc = a\nalone = [2]")
    source = notebook.capture("(a, b, c, alone)").source
    assert "_shared_1 = [1]\na = {'x': _shared_1}\nb = {'y': _shared_1}\nc = a\n" in source
    assert "alone = [2]" in source


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({}, []),
        ({"a": [1], "b": [1]}, []),
        ({"a": (1, "x"), "b": (1, "x")}, []),
        ({"a": [[1], [1]]}, []),
    ],
)
def test_what_cannot_change_is_not_shared(values: dict[str, object], found: list[object]) -> None:
    assert shared_objects(values) == found


def test_circles_end() -> None:
    circle: list[object] = []
    circle.append(circle)
    (shared,) = shared_objects({"a": circle, "b": (circle,)})
    assert (shared.value is circle, list(shared.names)) == (True, ["a", "b"])
