# ruff: noqa: E501 - one case, one line
"""Attributes that were set after the definition, settings of loggers, and values of records."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from mlmagic.errors import CaptureError
from tests.support.notebooks import Notebook

pytestmark = pytest.mark.together


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    yield
    logging.root.manager.loggerDict.pop("report", None)


K = "class K:\n    items = []\n    table = {'a': 1}\n    n = 1\n    def old(self): return 'old'"
WRAPS = "import functools\ndef deco(f):\n    @functools.wraps(f)\n    def w(): return f()\n    return w"


@pytest.mark.parametrize(
    ("cells", "expression", "expected"),
    [
        ([K, "def go(self): return 'patched'\nK.go = go"], "K().go()", "patched"),
        ([K, "def go(self): return self.n\nK.old = go"], "K().old()", 1),
        ([K, "def go(self): return 'patched'\nsetattr(K, 'go', go)"], "K().go()", "patched"),
        ([K, "def go(self): return 'patched'\nfor name in ['x', 'y']: setattr(K, name, go)"], "K().x() + K().y()", "patchedpatched"),
        ([K, "def go(): return 'patched'\nK.go = staticmethod(go)"], "K.go()", "patched"),
        ([K, "def go(cls): return cls.n\nK.go = classmethod(go)"], "K.go()", 1),
        ([K, "def go(self): return self.n\nK.go = property(go)"], "K().go", 1),
        (["class D:\n    @staticmethod\n    def f(): return 1", "def two(): return 2\nD.f = staticmethod(two)"], "D.f()", 2),
        (["class D:\n    @classmethod\n    def f(cls): return 1", "def two(cls): return 2\nD.f = classmethod(two)"], "D.f()", 2),
        (["class D:\n    @property\n    def f(self): return 1", "def two(self): return 2\nD.f = property(two)"], "D().f", 2),
        ([WRAPS + "\nclass D:\n    @staticmethod\n    @deco\n    def f(): return 1", "def two(): return 2\nD.f = staticmethod(two)"], "D.f()", 2),
        ([WRAPS + "\nclass D:\n    @staticmethod\n    @deco\n    def f(): return 1"], "D.f()", 1),
        (["class Memo:\n    def __init__(self, f): self.f, self.n, self.seen, self.fixed = f, 0, [], []\n    def __call__(self, x):\n        self.n += 1\n        self.seen.append(x)\n        return [self.f(x), self.n, self.seen]\n@Memo\ndef f(x): return x", "f(1); f(2)"], "f(3)", [3, 3, [1, 2, 3]]),
        (["class Memo:\n    def __init__(self, f): self.f, self.n, self.seen, self.fixed = f, 0, [], []\n    def __call__(self, x):\n        self.n += 1\n        self.seen.append(x)\n        return [self.f(x), self.n, self.seen]\n@Memo\ndef f(x): return x"], "f(3)", [3, 1, [3]]),
        (["import functools\nn = 1\n@functools.cache\ndef f(x): return x + n", "f(1)"], "f(1)", 2),
        (["import functools\nn = 1\n@functools.cache\ndef f(x): return x + n", "f(1)", "n = 5\nf.cache_clear()"], "f(1)", 6),
        ([K, "def text(self): return 'me'\nK.__str__ = text"], "str(K())", "me"),
        ([K, "K.items.append(5)"], "K.items", [5]),
        ([K, "K.table['b'] = 2"], "K.table", {"a": 1, "b": 2}),
        ([K, "K.n = 7"], "K.n", 7),
        ([K, "K.n += 1"], "K.n", 2),
        ([K, "K.extra = (1, 2)"], "K.extra", (1, 2)),
        ([K, "del K.n"], "hasattr(K, 'n')", False),
        ([K, "K.size = len"], "K.size('abc')", 3),
        (["from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int = 1", "P.unit = 'm'"], "P().unit", "m"),
        (["from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int = 1", "def area(self): return self.x ** 2\nP.area = area"], "P(3).area()", 9),
        (["class A: pass\nclass B(A): pass", "def go(self): return 'a'\nA.go = go"], "B().go()", "a"),
        ([WRAPS, "@deco\ndef f(): return f.calls", "f.calls = 3"], "f()", 3),
        (["def f(): return f.helper()\ndef g(): return 4", "f.helper = g"], "f()", 4),
        (["def f(): return f.seen", "f.seen = []", "f.seen.append(1)"], "f()", [1]),
        (["import logging\nlog = logging.getLogger('report')", "log.setLevel(10)"], "log.level", 10),
        (["import logging\nlogs = {'a': [logging.getLogger('report')]}", "logs['a'][0].setLevel(10)"], "logs['a'][0].level", 10),
        (["import logging\nlog = logging.getLogger('report')", "log.propagate = False"], "log.propagate", False),
        (["import logging\nlog = logging.getLogger('report')", "log.disabled = True"], "log.disabled", True),
        (["import logging\nlog = logging.getLogger('report')", "log.addHandler(logging.NullHandler())"], "len(log.handlers) > 0", True),
        (["from collections import namedtuple\nP = namedtuple('P', 'a b')\np = P(1, [2])"], "(p.a, p.b)", (1, [2])),
        (["from typing import NamedTuple\nclass P(NamedTuple):\n    a: int\n    b: int = 2\nps = {'one': P(1)}"], "ps['one'].b", 2),
        (["from dataclasses import dataclass\n@dataclass\nclass P:\n    a: int\n    b: int = 2\np = P(1)", "p.b = 5"], "(p.a, p.b)", (1, 5)),
        (["from dataclasses import dataclass\n@dataclass(frozen=True, slots=True)\nclass P:\n    a: int\nps = [P(1), P(2)]"], "[p.a for p in ps]", [1, 2]),
        (["from dataclasses import dataclass\n@dataclass\nclass In1:\n    a: int\n@dataclass\nclass P:\n    x: In1\np = P(In1(3))"], "p.x.a", 3),
        (["from dataclasses import dataclass\n@dataclass\nclass P:\n    a: int\ndef f(p=P(4)): return p.a"], "f()", 4),
    ],
)  # fmt: skip
@pytest.mark.parametrize("remember", [True, False], ids=["history", "objects"])
def test_what_was_set_later_comes_along(
    notebook: Notebook, cells: list[str], expression: str, expected: Any, remember: bool
) -> None:
    notebook.remember = remember
    script = notebook.run(*cells).capture(expression)
    logging.root.manager.loggerDict.pop("report", None)  # as in a new process
    assert notebook.serve(script) == expected


@pytest.mark.parametrize(
    ("cells", "expression", "words"),
    [
        ([K, "K.go = lambda self: 1"], "K().go()", "K (line 5) got its attribute 'go' after its definition, and the value cannot be written"),
        ([K, "def make():\n    def go(self): return 1\n    return go\nK.go = make()"], "K().go()", "attribute 'go' after its definition, and the value cannot be written"),
        ([K, "import io\nK.file = io.StringIO()"], "K.file", "attribute 'file' after its definition, and the value cannot be written"),
        ([K, "import io\nK.items.append(io.StringIO())"], "K.items", "K (line 5)"),
        (["import io\ndef f(): return f.file", "f.file = io.StringIO()"], "f()", "f (line 5) got its attribute 'file' after its definition, and the value cannot be written"),
        (["import logging\nlog = logging.getLogger('report')", "log.addHandler(logging.FileHandler('x.log', delay=True))"], "log.name", "is a logger with a FileHandler"),
        (["import logging\nlog = logging.getLogger('report')", "log.addFilter(print)"], "log.name", "is a logger with filters"),
        (["from dataclasses import dataclass\n@dataclass\nclass P:\n    a: int\n    def __post_init__(self): self.a += 1\np = P(1)"], "p.a", "p (line 5) is a live P"),
        (["import abc\nclass A(abc.ABC): pass", "A.register(int)"], "isinstance(1, A)", "A (line 5) has other classes registered to it. Register them in init()."),
        (["import functools\nn = 1\n@functools.cache\ndef f(x): return x + n", "f(1)", "n = 5"], "f(1)", "f (line 5) keeps results from before 'n' was changed. Call f.cache_clear() first."),
        (["def f(x=1): return x", "f.__defaults__ = ()"], "f(1)", "had its default values changed"),
    ],
)  # fmt: skip
def test_what_was_set_later_and_cannot_be_written_is_refused(
    notebook: Notebook, cells: list[str], expression: str, words: str
) -> None:
    with pytest.raises(CaptureError) as caught:
        notebook.run(*cells).capture(expression)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("setup", "expression", "expected"),
    [
        ("import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def m(self): ...\nclass B(A):\n    def m(self): return 1", "B().m()", 1),
        ("from typing import Generic, TypeVar\nT = TypeVar('T')\nclass A(Generic[T]):\n    def m(self): return 1", "A().m()", 1),
        ("import functools\n@functools.total_ordering\nclass A:\n    def __init__(self, n): self.n = n\n    def __eq__(self, o): return self.n == o.n\n    def __lt__(self, o): return self.n < o.n", "A(2) >= A(1)", True),
        ("class A:\n    xs = [i for i in range(3)]\n    ys = {k: v for k, v in zip(xs, xs)}\n    z = sum(n for n in xs)", "(A.xs, A.ys, A.z)", ([0, 1, 2], {0: 0, 1: 1, 2: 2}, 3)),
        ("class A:\n    __slots__ = ('x', '__y')\n    def __init__(self): self.x = 1", "A().x", 1),
        ("class A:\n    __private = 3\n    def m(self): return self.__private", "A().m()", 3),
        ("import functools\nclass A:\n    @functools.cached_property\n    def m(self): return 1\n    @functools.lru_cache\n    def n(self): return 2", "A().m + A().n()", 3),
        ("class D:\n    def __set_name__(self, o, n): o.tag = n\n    def __get__(self, i, o): return 5\nclass A:\n    d = D()", "A().d", 5),
        ("class A:\n    def __init_subclass__(cls): cls.tag = cls.__name__\nclass B(A): pass", "B.tag", "B"),
        ("class A:\n    x, y = 1, 2\n    z = w = 3\n    for i in range(2): pass\n    if True:\n        def m(self): return 4\n    del i", "A.x + A.w + A().m()", 8),
        ("from typing import TypedDict, Protocol\nclass T(TypedDict):\n    a: int\nclass Q(Protocol):\n    def m(self) -> int: ...\ndef f(t: T, q: Q = None): return t['a']", "f({'a': 1})", 1),
        ("class E(Exception):\n    code = 4\n    def __init__(self, m='x'): super().__init__(m)", "E().code", 4),
        ("from pydantic import BaseModel, Field, field_validator\nclass M(BaseModel):\n    a: int = Field(3, gt=1)\n    b: list[int] = []\n    @field_validator('a')\n    @classmethod\n    def check(cls, v): return v", "M().a", 3),
        ("from dataclasses import dataclass, field\n@dataclass\nclass P:\n    a: list = field(default_factory=list)\n    b: int = field(default=2, repr=False)\n    def m(self, k=1): return self.b + k", "P().m()", 3),
        ("from sklearn.base import BaseEstimator, TransformerMixin\nclass N(TransformerMixin, BaseEstimator):\n    def __init__(self, k=1): self.k = k\n    def transform(self, X): return X", "N().get_params()", {"k": 1}),
        ("import functools\nclass A:\n    @functools.singledispatchmethod\n    def m(self, x): return 'any'\n    @m.register\n    def _(self, x: int): return 'int'", "A().m(1)", "int"),
        ("class A:\n    @property\n    def p(self): return self._p\n    @p.setter\n    def p(self, v): self._p = v\n    def with_p(self):\n        self.p = 6\n        return self.p", "A().with_p()", 6),
        ("import enum\nclass C(enum.IntFlag):\n    A = enum.auto()\n    B = 2\n    AB = A | B\n    def m(self): return self.name", "C.AB.value", 3),
        ("class A:\n    def m(self): return self\n    n = m", "A().n() is not None", True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("remember", [True, False], ids=["history", "objects"])
def test_ordinary_classes_are_captured(
    notebook: Notebook, setup: str, expression: str, expected: Any, remember: bool
) -> None:
    notebook.remember = remember
    assert notebook.run(setup).answer(expression) == expected
