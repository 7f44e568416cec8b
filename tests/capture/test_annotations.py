# ruff: noqa: E501 - one case, one line
"""Annotations kept as text, and globals that captured functions set."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from mlmagic.capture.annotations import quoted_names
from mlmagic.errors import CaptureError
from tests.support.notebooks import Notebook


@pytest.mark.parametrize(
    ("source", "postponed", "expected"),
    [
        ("def f(x: 'Item'): ...", False, {"Item"}),
        ("def f(x: int, *a: 'A', k: 'B' = 1, **n: 'C') -> 'D': ...", False, {"A", "B", "C", "D"}),
        ("def f(x: list['Item']): ...", False, {"Item"}),
        ("def f(x: 'Optional[Req]'): ...", False, {"Optional", "Req"}),
        ("def f(x: 'Item | None'): ...", False, {"Item"}),
        ("def f(x: 'mod.Item'): ...", False, {"mod"}),
        ("class K:\n    x: 'dict[str, Item]'\n    def m(self) -> 'K': ...", False, {"dict", "str", "Item", "K"}),
        ("x: Literal['a', 'b']", False, set()),
        ("x: 'Literal[\"a\"]'", False, {"Literal"}),
        ("x: Annotated['Item', 'words of it']", False, {"Item"}),
        ("x: 'Annotated[Item, Field(gt=LOW)]'", False, {"Annotated", "Item", "Field", "LOW"}),
        ("x: 'not Python('", False, set()),
        ("def f():\n    x: 'Local' = 1", False, set()),
        ("def f(x: Item, y: list[Other]): ...", True, {"Item", "list", "Other"}),
        ("def f(x: Item): ...", False, set()),
    ],
)  # fmt: skip
def test_quoted_names(source: str, postponed: bool, expected: set[str]) -> None:
    assert set(quoted_names(ast.parse(source), postponed=postponed)) == expected


PYDANTIC = "from typing import Optional\nfrom pydantic import BaseModel\nclass Item(BaseModel):\n    a: int"
ITEM = "from dataclasses import dataclass\n@dataclass\nclass Item:\n    a: int"
HINTS = "def init(): ...\ndef run({0}):\n    import typing\n    return str(sorted(k.__name__ for k in typing.get_type_hints({1}).values()))"


@pytest.mark.parametrize(
    ("setup", "cell", "expected"),
    [
        (ITEM, HINTS.format("item: 'Item'", "run"), "['Item']"),
        (ITEM, "from __future__ import annotations\n" + HINTS.format("item: Item", "run"), "['Item']"),
        (ITEM + "\ndef helper(x: 'Item') -> 'int': ...", HINTS.format("item", "helper"), "['Item', 'int']"),
        ("from __future__ import annotations\n" + ITEM + "\ndef helper(x: Item): ...", HINTS.format("item", "helper"), "['Item']"),
        (PYDANTIC + "\nclass Req(BaseModel):\n    next: 'Optional[Req]' = None\n    items: list['Item'] = []", "def init(): ...\ndef run(d): return Req(next={}, items=[{'a': 3}]).items[0].a", 3),
        ("from __future__ import annotations\n" + PYDANTIC + "\nclass Req(BaseModel):\n    next: Optional[Req] = None\n    items: list[Item] = []", "def init(): ...\ndef run(d): return Req(next={}, items=[{'a': 3}]).items[0].a", 3),
        (PYDANTIC + "\nclass Req(BaseModel):\n    other: 'Other'\nclass Other(BaseModel):\n    b: int = 4", "def init(): ...\ndef run(d): return Req(other={}).other.b", 4),
        ("import io\nlive = io.StringIO()\ndef helper(x: 'live'): return 1", "def init(): ...\ndef run(d): return helper(d)", 1),
        ("import io\nlive = io.StringIO()\nclass Item:\n    def m(self): return live\ndef helper(x: 'Item'): return 1", "def init(): ...\ndef run(d): return helper(d)", 1),
        ("def helper(x: 'Nowhere'): return 1", "def init(): ...\ndef run(d): return helper(d)", 1),
    ],
)  # fmt: skip
def test_names_of_quoted_annotations_come_along(
    notebook: Notebook, setup: str, cell: str, expected: Any
) -> None:
    assert notebook.run(setup).answer(cell) == expected


def test_a_name_that_an_annotation_and_a_body_use_is_refused(notebook: Notebook) -> None:
    notebook.run("import io\nlive = io.StringIO()\ndef helper(x: 'live'): return 1\ndef use(): return live")
    with pytest.raises(CaptureError, match=r"live .* is a live"):
        notebook.capture("helper(1) or use()")


@pytest.mark.parametrize(
    ("setup", "init", "expression", "expected"),
    [
        ("def load():\n    global model\n    model = object()\nload()", "load()", "model is not None", True),
        ("def load():\n    global model\n    model = object()", "load()", "model is not None", True),
        ("def load():\n    global model\n    import io as model\nload()", "load()", "model.StringIO() is not None", True),
        ("def load():\n    global a, b\n    a = b = object()\nload()\ndef use(): return a is b", "load()", "use()", True),
        ("def load():\n    inner()\ndef inner():\n    global model\n    model = object()\nload()", "load()", "model is not None", True),
        ("class Loader:\n    def go(self):\n        global model\n        model = object()\nLoader().go()", "Loader().go()", "model is not None", True),
        ("cache = None\ndef get():\n    global cache\n    if cache is None:\n        cache = object()\n    return cache\nget()", "pass", "get() is get()", True),
        ("model: object = None\ndef load():\n    global model\n    model = object()\nload()", "pass", "(model, load())[0]", None),
        ("def load():\n    global big\n    big = 'x' * 20_000\nload()", "load()", "len(big)", 20_000),
        ("def load():\n    global f\n    f = (lambda k: lambda: k)(1)\nload()", "load()", "f()", 1),
        ("import threading\ndef load():\n    global lock\n    for lock in [threading.Lock()]: pass\nload()", "load()", "lock.locked()", False),
        ("def load():\n    global model\n    with open('/dev/null') as model: pass\nload()", "load()", "model.closed", True),
        ("hits = 5\ndef hit():\n    global hits\n    hits += 1\n    return hits", "pass", "hit()", 6),
    ],
)  # fmt: skip
def test_a_global_that_a_captured_function_sets(
    notebook: Notebook, setup: str, init: str, expression: str, expected: Any
) -> None:
    cell = f"def init():\n    {init}\ndef run(data):\n    return {expression}\n"
    assert notebook.run(setup).answer(cell) == expected


def test_a_global_that_no_captured_function_sets_is_refused(notebook: Notebook) -> None:
    notebook.run("def load():\n    global model\n    model = object()\nload()")
    with pytest.raises(CaptureError, match=r"model .* is a live object"):
        notebook.capture("model")
