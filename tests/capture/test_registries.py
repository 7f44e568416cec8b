# ruff: noqa: E501 - one case, one line
"""What decorators and later cells filled: registries, counters, and their order in the script."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.notebooks import Notebook

pytestmark = pytest.mark.together

REGISTER = "REG = {}\ndef register(f):\n    REG[f.__name__] = f\n    return f"
NAMED = "REG = {}\ndef register(name):\n    def deco(f):\n        REG[name] = f\n        return f\n    return deco"


@pytest.mark.parametrize(
    ("cells", "expression", "expected"),
    [
        ([REGISTER, "@register\ndef a(x): return x + 1"], "REG['a'](1)", 2),
        ([REGISTER, "@register\ndef a(x): return x + 1\n@register\ndef b(x): return a(x) * 2"], "(REG['b'](1), sorted(REG))", (4, ["a", "b"])),
        ([NAMED, "@register('one')\ndef a(x): return x + 1"], "REG['one'](1)", 2),
        (["REG = []\ndef register(f):\n    REG.append(f)\n    return f", "@register\ndef a(x): return x + 1"], "[f(1) for f in REG]", [2]),
        (["REG = []\ndef register(f):\n    REG.append(f)\n    return f", "@register\ndef a(x): return x + 1"], "a(1) + len(REG)", 3),
        (["REG = {}\ndef register(k):\n    REG[k.__name__] = k\n    return k", "@register\nclass A:\n    v = 1"], "REG['A'].v", 1),
        (["REG = []\ndef register(f):\n    REG.append(f.__name__)\n    return f", "@register\ndef a(x): return x"], "(a(1), REG)", (1, ["a"])),
        (["count = 0\ndef deco(f):\n    global count\n    count += 1\n    return f", "@deco\ndef a(x): return x", "@deco\ndef b(x): return x"], "(a(1), b(2), count)", (1, 2, 2)),
        (["REG = {}\nclass Base:\n    def __init_subclass__(cls): REG[cls.__name__] = cls", "class A(Base): v = 1"], "REG['A'].v", 1),
        (["REG = set()\ndef register(f):\n    REG.add(f)\n    return f", "@register\ndef a(x): return x + 1"], "[f(1) for f in REG]", [2]),
        (["STEPS = []\ndef a(x): return x + 1\ndef b(x): return x * 2", "STEPS.append(a)\nSTEPS += [b]"], "STEPS[1](STEPS[0](1))", 4),
        ([REGISTER, "@register\ndef a(x): return REG['b'](x)", "@register\ndef b(x): return x + 5"], "a(1)", 6),
    ],
)  # fmt: skip
def test_registries(notebook: Notebook, cells: list[str], expression: str, expected: Any) -> None:
    assert notebook.run(*cells).answer(expression) == expected
