# ruff: noqa: E501 - one case, one line
"""What was bound at definition: the script answers as the notebook does, or the capture is refused."""

from __future__ import annotations

from typing import Any

import pytest

from mlmagic.errors import CaptureError
from tests.support.notebooks import Notebook

pytestmark = pytest.mark.together

TIMES = "N = 3\ndef times(n):\n    def deco(f):\n        return lambda x: f(x) * n\n    return deco"


@pytest.mark.parametrize("apart", [True, False], ids=["cells", "cell"])
@pytest.mark.parametrize("remember", [True, False], ids=["history", "objects"])
@pytest.mark.parametrize(
    ("cells", "expression", "expected"),
    [
        (["adders = []\nfor i in range(3): adders.append(lambda x, i=i: x + i)\nadd0 = adders[0]"], "add0(10)", 10),
        (["factor = 2\ndef scale(x, by=factor): return x * by", "factor = 100"], "scale(3)", 6),
        (["factor = 2\ndef scale(x, *, by=factor): return x * by", "factor = 100"], "scale(3)", 6),
        (["factor = 2\ndef scale(x, /, by=factor * 2 + 1, z=9): return x * by", "factor = 100"], "scale(3)", 15),
        (["from math import pi as p\nd = {'a': p}\ndef f(x=d['a'], y=(1, p)): return x > 3", "d['a'] = 0"], "f()", True),
        (["import time\ndef f(t=time.time()): return t", "then = f()"], "f() == then", True),
        (["import datetime\ndef f(t=datetime.datetime.now()): return t", "then = f()"], "f() == then", True),
        (["from datetime import datetime\ndef f(t=datetime(2020, 1, 1)): return t.year"], "f()", 2020),
        (["factor = 2\nscale = lambda x, by=factor: x * by", "factor = 100"], "scale(3)", 6),
        (["import functools\nfactor = 2\n@functools.lru_cache\ndef scale(x, by=factor): return x * by", "factor = 100"], "scale(3)", 6),
        (["def helper(): return 'a'\ndef f(h=helper): return h()"], "f()", "a"),
        (["def f(x, seen=[]):\n    seen.append(x)\n    return seen", "f(1)\nf(2)"], "f(3)", [1, 2, 3]),
        (["K = 4\nclass Sizes:\n    double = K * 2", "K = 5"], "Sizes.double", 8),
        (["K = 4\nclass Sizes:\n    a = K\n    b = a + 1\n    def m(self): return self.b", "K = 5"], "Sizes().m()", 5),
        (["K = 4\nclass Sizes:\n    def m(self, by=K): return by", "K = 5"], "Sizes().m()", 4),
        (["K = 4\nclass Sizes:\n    @staticmethod\n    def m(by=K): return by\n    @classmethod\n    def n(cls, by=K): return by", "K = 5"], "Sizes.m() + Sizes.n()", 8),
        (["K = 4\nclass Outer:\n    class Inner:\n        k = K", "K = 5"], "Outer.Inner.k", 4),
        (["K = 4\nclass Sizes:\n    k: int = K\n    f = lambda self, x=K: x", "K = 5"], "Sizes.k + Sizes().f()", 8),
        (["from dataclasses import dataclass\nK = 4\n@dataclass\nclass P:\n    x: int = K", "K = 5"], "P().x", 4),
        (["from dataclasses import dataclass\nK = 4\n@dataclass(slots=True)\nclass P:\n    x: int = K", "K = 5"], "P().x", 4),
        (["from typing import NamedTuple\nK = 4\nclass P(NamedTuple):\n    x: int = K", "K = 5"], "P().x", 4),
        (["from pydantic import BaseModel\nK = 4\nclass P(BaseModel):\n    x: int = K", "K = 5"], "P().x", 4),
        (["import enum\nK = 4\nclass E(enum.Enum):\n    A = K\n    B = 'b'", "K = 5"], "E.A.value", 4),
        (["import enum\nclass E(enum.Enum):\n    A = enum.auto()\n    B = enum.auto()"], "E.B.value", 2),
        (["class Base: v = 'first'\nclass Child(Base): pass", "class Base: v = 'first'"], "Child.v", "first"),
        ([TIMES, "@times(N)\ndef work(x): return x", "M = 100"], "work(1)", 3),
        (["é = 2\ndef f(a='é', b=é, c='ü'): return (a, b, c)", "é = 9"], "f()", ("é", 2, "ü")),
        (["if True:\n    k = 3\n    def f(x=k):\n        return x", "k = 4"], "f()", 3),
        (["k = 3\ndef f(x=(\n    k +\n    1), y=2):\n    return x + y", "k = 4"], "f()", 6),
    ],
)  # fmt: skip
def test_a_value_bound_at_definition_comes_along(
    notebook: Notebook, cells: list[str], expression: str, expected: Any, remember: bool, apart: bool
) -> None:
    notebook.remember = remember
    notebook.run(*cells) if apart else notebook.run("\n".join(cells))
    assert notebook.answer(expression) == expected


@pytest.mark.parametrize("remember", [True, False], ids=["history", "objects"])
@pytest.mark.parametrize(
    ("cells", "expression", "changed"),
    [
        ([TIMES, "@times(N)\ndef work(x): return x", "N = 100"], "work(1)", "N"),
        ([TIMES + "\n@times(N)\ndef work(x): return x\nN = 100"], "work(1)", "N"),
        ([TIMES, "@times(n=N + 1)\ndef work(x): return x", "N += 1"], "work(1)", "N"),
        ([TIMES, "@times(N)\ndef work(x): return x", "for N in range(9): pass"], "work(1)", "N"),
        (["C = {'n': 3}", TIMES, "@times(C['n'])\ndef work(x): return x", "C['n'] = 9"], "work(1)", "C"),
        (["C = [3]", TIMES, "@times(len(C))\ndef work(x): return x", "C.append(9)"], "work(1)", "C"),
        (["import functools\ndef mark(f):\n    @functools.wraps(f)\n    def w(x): return 'old' + str(f(x))\n    return w\n@mark\ndef marked(x): return x", "def mark(f): return f"], "marked(1)", "mark"),
        (["TAG = 'a'\ndef mark(f):\n    tag = TAG\n    return lambda x: tag + f(x)\n@mark\ndef marked(x): return x", "TAG = 'b'"], "marked('1')", "TAG"),
        (["class Base: v = 'first'\nclass Child(Base): pass", "class Base: v = 'second'"], "Child.v", "Base"),
        (["class Base:\n    def m(self): return 1\nclass Child(Base): pass", "class Base:\n    def m(self): return 2"], "Child().m()", "Base"),
        (["class Meta(type): tag = 1\nclass Child(metaclass=Meta): pass", "class Meta(type): tag = 2"], "Child.tag", "Meta"),
        (["class Opt:\n    def __init__(self, n): self.n = n\nn = 1\ndef f(o=Opt(n)): return o.n", "n = 2"], "f()", "n"),
        (["class Opt:\n    n = 1\no = Opt()\ndef f(o=o): return o.n", "o = Opt()"], "f()", "o"),
        (["class A: k = 1\nclass B: kind = A", "class A: k = 2"], "B.kind.k", "A"),
        (["def g(): return 1\ndef f(g=g): return g()", "def g(): return 2"], "f()", "g"),
        (["n = 2\nclass A:\n    for i in range(n): last = i", "n = 5"], "A.last", "n"),
        (["from pydantic import BaseModel\nclass Req(BaseModel):\n    a: int\nclass Res(BaseModel):\n    x: Req", "class Req(BaseModel):\n    a: str"], "Res(x={'a': 1}).x.a", "Req"),
    ],
)  # fmt: skip
def test_a_name_that_changed_since_the_definition_is_refused(
    notebook: Notebook, cells: list[str], expression: str, changed: str, remember: bool
) -> None:
    notebook.remember = remember
    with pytest.raises(CaptureError) as caught:
        notebook.run(*cells).capture(expression)
    assert f"was defined with '{changed}', which has changed since" in str(caught.value)
    assert "Run the cell that defines it again" in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "expression", "expected"),
    [
        ([TIMES, "@times(N)\ndef work(x): return x", TIMES, TIMES], "work(1)", 3),
        ([TIMES, "@times(N)\ndef work(x): return x", "N = 100", "@times(N)\ndef work(x): return x"], "work(1)", 100),
        (["K = 1", "class A:\n    k = K", "K = 2", "class A:\n    k = K"], "A.k", 2),
        (["class Base: v = 1", "class Child(Base): pass", "class Base: v = 1", "class Child(Base): pass"], "Child.v", 1),
        (["import numpy as np\ndef f(x=np.pi): return x > 3", "import numpy as np"], "f()", True),
        (["from functools import lru_cache\n@lru_cache\ndef f(x): return x", "from functools import lru_cache"], "f(1)", 1),
        (["import sys, os\nclass A:\n    v = sys.version_info[0]\n    w = os.getcwd", "sys.path.append('x')\nsys.path.pop()\nos.environ['CAPTURE_X'] = '1'"], "A.v", 3),
        (["%%writefile other.py\nN = 9"], "1", 1),
        (["LIMIT = 3\ndef deco(f): return lambda x: f(x) + LIMIT\n@deco\ndef g(x): return x"], "g(1)", 4),
    ],
)  # fmt: skip
def test_cells_that_ran_twice_are_no_change(
    notebook: Notebook, cells: list[str], expression: str, expected: Any
) -> None:
    assert notebook.run(*cells).answer(expression) == expected


@pytest.mark.parametrize(
    ("cells", "expression"),
    [
        (["def fact(n): return 1 if n < 2 else n * fact(n - 1)", "old = fact", "def fact(n): return -1"], "old(3)"),
        (["def fact(n): return 1 if n < 2 else n * fact(n - 1)", "old = fact\ndel fact"], "old(3)"),
        (["class K:\n    n = 1\n    def get(self): return K.n", "Old = K", "class K:\n    n = 2"], "Old().get()"),
    ],
)  # fmt: skip
def test_what_uses_its_own_name_that_means_something_else_now_is_refused(
    notebook: Notebook, cells: list[str], expression: str
) -> None:
    notebook.run(*cells)
    with pytest.raises(CaptureError, match="uses that name, which means something else now"):
        notebook.capture(expression)


def test_another_name_of_what_is_there_still_is_fine(notebook: Notebook) -> None:
    notebook.run("def fact(n): return 1 if n < 2 else n * fact(n - 1)", "old = fact")
    notebook.run("def twice(n): return 2 * n", "double = twice", "def twice(n): return -1")
    assert notebook.answer("[old(3), double(4), twice(1)]") == [6, 8, -1]


@pytest.mark.parametrize("signature", ["x: T", "*, x: T", "x=1, *rest: T", "x) -> (T"])
def test_annotations_are_those_of_the_definition(notebook: Notebook, signature: str) -> None:
    notebook.run("T = int", f"def f({signature}): return 1", "T = str")
    with pytest.raises(CaptureError, match="was defined with 'T', which has changed since"):
        notebook.capture("f(x=1)")
    notebook.run("from __future__ import annotations\nT = int\ndef g(x: T): return 1", "T = str")
    assert notebook.answer("g(x=1)") == 1


def test_the_variables_of_comprehensions_bind_nothing(notebook: Notebook) -> None:
    notebook.run("i = 1", "def f(x=i): return x", "squares = [i * i for i in range(3)]")
    assert notebook.answer("[f(), squares]") == [1, [0, 1, 4]]
    notebook.run("k = 1\ndef deco(f): return f\n@deco\ndef g(): return k", "[k for k in range(5)]")
    assert notebook.answer("g()") == 1
