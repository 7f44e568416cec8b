from __future__ import annotations

import pytest

from mlmagic.capture.names import read_names


def free(source: str, **options: bool) -> dict[str, int]:
    return dict(read_names(source, **options).free)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x", {"x": 1}),
        ("x = 1\nx", {}),
        ("def f(a, b=LIMIT): return a + b + c", {"LIMIT": 1, "c": 1}),
        ("@deco\ndef f(): pass", {"deco": 1}),
        ("class A(Base, meta=M):\n  k = K\n  def m(self): return z", {"Base": 1, "M": 1, "K": 2, "z": 3}),
        ("def f():\n    def g():\n        return outer\n    return g", {"outer": 3}),
        ("def f():\n    n = 1\n    def g():\n        return n\n    return g", {}),
        ("[i for i in xs if ok(i)]", {"xs": 1, "ok": 1}),
        ("{k: v for k, v in pairs}", {"pairs": 1}),
        ("f'{name!r:>{width}}'", {"name": 1, "width": 1}),
        ("g = lambda x, y=d: x + y + z", {"d": 1, "z": 1}),
        ("if (n := size) > 2: n", {"size": 1}),
        ("found = [y for x in xs if (y := x)]\ny", {"xs": 1}),
        ("match it:\n    case [first, *rest]: first, rest\n    case {'a': b, **more}: b, more", {"it": 1}),
        ("match thing:\n    case Point(x=0) as p: p", {"thing": 1, "Point": 2}),
        ("try:\n    go()\nexcept Oops as e:\n    e", {"go": 2, "Oops": 3}),
        ("with opened() as f: f", {"opened": 1}),
        ("for i in items: i", {"items": 1}),
        ("import a.b, c as d\na, d", {}),
        ("from m import x as y\ny", {}),
        ("if cond:\n    x = 1\nprint(x)", {"cond": 1, "print": 3}),
        ("x = 1\ndel x\nx", {}),
        ("def init():\n    global model\n    model = 1\ndef run(d): return model", {}),
        ("hits = 0\ndef run(d):\n    global hits\n    hits += 1", {}),
        ("async def f():\n    async for x in source: await x", {"source": 2}),
        ("def f(x: Annotation) -> Result: pass", {"Annotation": 1, "Result": 1}),
        ("v: Kind = 1", {"Kind": 1}),
        ("ys = [x for x in xs]\ndef f(): return x", {"xs": 1, "x": 2}),
        ("ys = [x for x in xs]\nx", {"xs": 1, "x": 2}),
        ("ys = {x: 1 for x in xs}\ndef f(x): return x", {"xs": 1}),
        ("def f(): return [x for x in xs] + [x]", {"xs": 1, "x": 1}),
        ("ys = [[y := x for x in row] for row in rows]\ny", {"rows": 1}),
        ("ys = [x for x in xs]\nmatch ys:\n    case [*x]: x", {"xs": 1}),
        ("print(*args, **kw)", {"print": 1, "args": 1, "kw": 1}),
    ],
)  # fmt: skip
def test_free_names_follow_the_rules_of_scope(source: str, expected: dict[str, int]) -> None:
    assert free(source) == expected


def test_a_name_changed_in_place_or_read_before_it_is_bound_is_needed() -> None:
    assert free("def run(d):\n    global hits\n    hits += 1") == {"hits": 3}
    assert free("limit = limit * 2") == {"limit": 1}
    assert free("count += 1") == {"count": 1}
    assert free("class A:\n    parse = staticmethod(parse)") == {"parse": 2, "staticmethod": 2}
    assert free("vals = [i for i in (1, 2)]\ni = 0") == {}


def test_the_line_is_where_the_global_is_used_and_not_a_local_of_that_name() -> None:
    source = "def f():\n    scale = 1\n    return scale\ndef g():\n    return scale\n"
    assert free(source) == {"scale": 5}


@pytest.mark.parametrize("postponed", [True, False])
def test_postponed_annotations_use_no_names(postponed: bool) -> None:
    source = "def f(x: Annotation) -> Result:\n    v: Kind = other\n    return v"
    expected = {"other": 2} if postponed else {"Annotation": 1, "Result": 1, "Kind": 2, "other": 2}
    assert free(source, postponed=postponed) == expected
    assert free(f"from __future__ import annotations\n{source}") == {"other": 3}


@pytest.mark.parametrize(
    ("source", "early"),
    [
        ("@deco\ndef f(a=D, *, b=K): return late", {"deco", "D", "K"}),
        ("class A(Base):\n    k = K\n    def m(self, x=X): return late", {"Base", "K", "X"}),
        ("def f(x: T) -> R: return late", {"T", "R"}),
        ("f = lambda x=D: late", {"D"}),
        ("x = [late for i in xs]", {"late", "xs"}),
    ],
)
def test_early_names_are_those_a_definition_needs_at_once(source: str, early: set[str]) -> None:
    assert read_names(source).early == early


def test_what_else_is_read() -> None:
    names = read_names("from m import *\nimport scipy as sp\nsp.stats.norm.pdf(x.y())")
    assert names.stars == ("m",)
    assert names.modules == {"sp": "scipy"}
    assert {("sp", "stats", "norm", "pdf"), ("x", "y")} <= names.chains


def test_a_warning_of_the_compiler_is_not_told_twice() -> None:
    assert free("import re\nre.compile('\\d')") == {}
