# ruff: noqa: E501 - one case, one line
from __future__ import annotations

import io
import math
from typing import Any

import pytest

from mlmagic.errors import CaptureError
from tests.support.notebooks import Notebook

pytestmark = pytest.mark.together

HELPERS = """
LIMIT = 3
def double(x):
    return x * 2
def prepare(x, limit=LIMIT):
    return [double(i) for i in x[:limit]]
"""


@pytest.mark.parametrize(
    ("setup", "expression", "data", "expected"),
    [
        (HELPERS, "prepare(data)", [1, 2, 3, 4], [2, 4, 6]),
        ("def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n > 0 and even(n - 1)", "odd(data)", 3, True),
        ("import functools as ft\nfrom math import floor as fl, pi", "ft.reduce(max, [fl(pi), data])", 1, 3),
        ("def f(x): return x + 1\ng = f", "g(data)", 1, 2),
        ("def f(x): return 'old'\nold = f\ndef f(x): return old(x) + 'new'", "f(data)", 1, "oldnew"),
        ("scale = lambda x: x * 3", "scale(data)", 2, 6),
        ("a, b = (lambda x: x + 1), (lambda x: x - 1)", "b(data)", 2, 1),
        ("pick = (lambda x:\n    x * 4)", "pick(data)", 2, 8),
        ("from functools import partial\ndef add(a, b): return a + b\nadd2 = partial(add, b=2)", "add2(data)", 1, 3),
        ("from functools import partial\nfrom operator import mul\nby3 = partial(mul, 3)", "by3(data)", 2, 6),
        ("from functools import partial\nbase2 = partial(int, base=2)", "base2(data)", "101", 5),
        ("from functools import lru_cache\n@lru_cache(maxsize=8)\ndef slow(x): return x + 1", "slow(data)", 1, 2),
        ("import contextlib\n@contextlib.contextmanager\ndef cm(): yield 5", "[v for v in [cm()]][0].__enter__()", 0, 5),
        ("def loud(f):\n    def w(x): return fmt(f(x))\n    return w\ndef fmt(x): return f'{x}!'\n@loud\ndef say(x): return x", "say(data)", 1, "1!"),
        ("class A:\n    k = 2\n    def m(self): return helper(self.k)\ndef helper(x): return x * 10", "A().m()", 0, 20),
        ("class A:\n    def m(self): return 1\nclass B(A):\n    def m(self): return super().m() + 1", "B().m()", 0, 2),
        ("from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n    y: int = 2", "P(data).y", 1, 2),
        ("import enum\nclass C(enum.Enum):\n    RED = 'r'\nfav = C.RED", "fav.value", 0, "r"),
        ("from typing import NamedTuple\nclass P(NamedTuple):\n    x: int = 1", "P().x", 0, 1),
        ("class E(ValueError): pass\ndef f():\n    try:\n        raise E\n    except E as e:\n        return type(e).__name__", "f()", 0, "E"),
        ("import xml.etree.ElementTree", "xml.etree.ElementTree.fromstring(data).tag", "<a/>", "a"),
        ("import xml.etree.ElementTree as ET", "ET.fromstring(data).tag", "<a/>", "a"),
        ("import os.path", "os.path.basename(data)", "a/b", "b"),
        ("from os import path", "path.basename(data)", "a/b", "b"),
        ("from random import seed, choice", "choice([data])", 1, 1),
        ("from math import *", "sqrt(data)", 4, 2.0),
        ("from collections import OrderedDict, deque", "deque([data])[0]", 1, 1),
        ("words = {'a': 1}\nnested = [words, (None, {1})]", "nested[0]['a']", 0, 1),
        ("from typing import Optional\ndef f(x: Optional[int] = None) -> 'int': return x", "f(data)", 1, 1),
        ("sum = lambda xs: 'mine'", "sum([])", 0, "mine"),
        ("import math\nx = math.nan", "x != x", 0, True),
        ("from pathlib import Path\nhere = Path('a') / 'b'", "here.as_posix()", 0, "a/b"),
        ("import re\nnumber = re.compile(r'\\d+')", "number.findall(data)", "a1b22", ["1", "22"]),
        ("import logging\nlog = logging.getLogger('svc')", "log.name", 0, "svc"),
        ("if True:\n    def f():\n        '''one\n        two'''\n        return f.__doc__", "f()", 0, "one\n        two"),
        ("if True:\n    def f(): return '''\nleft'''", "f()", 0, "\nleft"),
        ("def f(x):\n    def g(y): return x + y\n    return [g(i) for i in range(2)]", "f(data)", 1, [1, 2]),
        ("import numpy as np\n@np.vectorize\ndef up(x): return x + 1", "int(up(data))", 1, 2),
        ("class Deco:\n    def __init__(self, f): self.f = f\n    def __call__(self): return self.f() + 1\n@Deco\ndef one(): return 1", "one()", 0, 2),
        ("def low(x): return min(x)\ntable = {'low': low, 'high': max, 'n': [int]}", "table['low'](data), table['high'](data)", [1, 2], (1, 2)),
        ("import enum\nclass P(enum.IntFlag):\n    A = 1\n    B = 2\nboth = {'x': P.A | P.B}", "both['x'].value", 0, 3),
        ("from collections import namedtuple\nP = namedtuple('P', 'a b', defaults=[2])", "tuple(P(data))", 1, (1, 2)),
        ("from typing import TypeVar, Optional\nT = TypeVar('T')\nV = list[float]\nW = Optional[int]\nX = int | None\ndef f(x: T, v: V, w: W, y: X) -> T: return x", "f(data, 1, 2, 3)", 1, 1),
        ("def f(): return f.calls\nf.calls = 3", "f()", 0, 3),
        ("def walk(n): return [n] if not n else [n, *walk(n - 1)]", "walk(data)", 2, [2, 1, 0]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("remember", [True, False], ids=["history", "objects"])
def test_a_captured_script_answers_without_the_notebook(
    notebook: Notebook, setup: str, expression: str, data: Any, expected: Any, remember: bool
) -> None:
    notebook.remember = remember
    assert notebook.run(setup).answer(expression, data) == expected


@pytest.mark.parametrize(
    ("setup", "expression", "expected"),
    [
        ("%%time\ndef f(x):\n    return x + 1", "f(data)", 2),
        ("%%time\nclass A:\n    def m(self): return 7", "A().m()", 7),
        ("%%time\nfrom math import floor", "floor(data)", 1),
        ("%time import math as m", "m.floor(data)", 1),
    ],
)
def test_what_ran_under_a_magic(notebook: Notebook, setup: str, expression: str, expected: int) -> None:
    assert notebook.run(setup).answer(expression, 1) == expected


def test_only_the_import_that_is_needed_is_brought_in(notebook: Notebook) -> None:
    notebook.run("import json, csv\nfrom os import sep, getcwd as here")
    source = notebook.capture("json.dumps(here())").source
    assert "import json\nfrom os import getcwd as here\n" in source
    assert "csv" not in source
    assert "sep" not in source


def test_a_public_path_is_preferred(notebook: Notebook) -> None:
    notebook.run("import json.decoder\nD = json.decoder.JSONDecoder")
    notebook.remember = False
    assert "from json import JSONDecoder as D" in notebook.capture("D()").source


def test_a_submodule_reached_by_dots_is_imported(notebook: Notebook) -> None:
    notebook.run("import importlib\nimport importlib.metadata")
    source = notebook.capture("importlib.metadata.version(data)").source
    assert "import importlib.metadata\n" in source
    assert "import importlib\n" not in source
    cell = "import importlib\ndef init(): ...\ndef run(data): return importlib.metadata"
    assert "import importlib.metadata\n" in notebook.capture(cell).source


def test_the_function_is_live_and_not_what_a_cell_said_last(notebook: Notebook) -> None:
    notebook.run("def f(): return 'first'", "first = f", "def f(): return 'second'", "f = first")
    assert notebook.answer("f()") == "first"


def test_what_is_needed_to_define_comes_before(notebook: Notebook) -> None:
    notebook.run(
        "def mark(f):\n    note(f)\n    return f",
        "def note(f): f.noted = tag()",
        "def tag(): return TAG",
        "TAG = 'x'",
        "@mark\ndef g(): return h()",
        "def h(): return g.noted",
        "class Base: pass",
        "class Child(Base):\n    size = len(TAG)",
    )
    assert notebook.answer("(Child.size, h())") == (1, "x")


def test_annotations_that_were_postponed_stay_so(notebook: Notebook) -> None:
    notebook.run("from __future__ import annotations\ndef f(x: Nowhere) -> Never1: return x")
    script = notebook.capture("f(data)")
    assert script.source.splitlines()[1] == "from __future__ import annotations"
    assert notebook.serve(script, 3) == 3


def test_names_the_cell_sets_itself_are_left_alone(notebook: Notebook) -> None:
    notebook.run("model = open", "import io\nmodel = io.StringIO()", "def use(): return model.upper()")
    cell = "def init():\n    global model\n    model = 'm'\ndef run(data):\n    return use()\n"
    assert notebook.answer(cell) == "M"


def test_what_the_cell_imports_is_there_for_helpers_above_it(notebook: Notebook) -> None:
    notebook.run(
        "import fractions as fr\ndef half(x: fr.Fraction = fr.Fraction(1, 2)): return fr.Fraction(x)"
    )
    cell = "import fractions as fr\ndef init(): ...\ndef run(data): return float(half())\n"
    assert notebook.answer(cell) == 0.5


def test_a_counter_changed_in_place_brings_its_start(notebook: Notebook) -> None:
    notebook.run("hits = 5")
    cell = "def init(): ...\ndef run(data):\n    global hits\n    hits += 1\n    return hits\n"
    assert notebook.answer(cell) == 6


def test_a_star_import_in_the_cell(notebook: Notebook) -> None:
    cell = "from math import *\ndef init(): ...\ndef run(data): return floor(data) + {}\n"
    assert notebook.answer(cell.format("0"), 2.5) == 2
    with pytest.raises(CaptureError, match=r"'flor' \(line 3\) is not defined"):
        notebook.capture(cell.format("flor(1)"))
    assert notebook.capture("from not_there import *\ndef init(): ...\ndef run(d): return anything(d)\n")


@pytest.mark.parametrize(
    ("setup", "expression", "words"),
    [
        ("prepare = 1", "preprare", "'preprare' (line 5) is not defined anywhere in the notebook. Did you mean 'prepare'?"),
        ("", "zzqqx", "'zzqqx' (line 5) is not defined anywhere in the notebook. Run the cell"),
        ("import io\nf = io.StringIO()", "f.read()", "f (line 5) is a live io.StringIO, which cannot be written as source code. Load it in init(), register it with %register f --name NAME, or ship a file with --asset f=PATH."),
        ("import io\nf = io.StringIO()\ndef use(): return f", "use()", "f (used by use()) is a live io.StringIO"),
        ("import threading\nlock = threading.Lock()", "lock", "lock (line 5) is a live _thread.lock"),
        ("gen = (i for i in [1])", "gen", "gen (line 5) is a live generator"),
        ("class A: pass\na = A()", "a", "a (line 5) is a live A, which"),
        ("class A:\n    def m(self): pass\nm = A().m", "m()", "m (line 5) is a method of a live A"),
        ("def outer(k):\n    def inner(): return k\n    return inner\nf = outer(1)", "f()", "f (line 5) is a closure: it uses k of its enclosing function. Make k a parameter"),
        ("f = (lambda k: lambda: k)(1)", "f()", "f (line 5) is a closure: it uses k"),
        ("f = eval('lambda: 1')", "f()", "f (line 5) is a function whose source code was not found. Write it with def."),
        ("exec('def f(): pass')", "f()", "f (line 5) is a function whose source code was not found. Run the cell"),
        ("A = type('A', (), {})", "A()", "A (line 5) is a class whose source code was not found"),
        ("import functools\ndef f(): pass\nc = functools.lru_cache(f)", "c()", "c (line 5) is a function wrapped by a functools._lru_cache_wrapper outside"),
        ("import functools\n@functools.singledispatch\ndef f(x): pass", "f(1)", "has other functions registered"),
        ("import functools\np = functools.partial(print, object())", "p()", "a functools.partial with arguments that are not literals"),
        ("import types\nm = types.ModuleType('m')", "m", "m (line 5) is a module created at run time"),
        ("text = 'x' * 20_000", "text", "text (line 5) is 20,002 characters long as source code. Include it anyway with --carry text"),
        ("", "get_ipython()", "get_ipython (line 5) belongs to IPython"),
        ("", "In[1]", "In (line 5) belongs to IPython"),
        ("import numpy as np\nx = np.arange(3)", "x", "x (line 5) is a live numpy.ndarray, which cannot be written as source code. Copy its values into the script with --carry x."),
        ("class A:\n    def m(self): return zz\n", "A()", "'zz' (used by A) is not defined"),
    ],
)  # fmt: skip
def test_what_cannot_be_captured_says_why_and_the_way_out(
    notebook: Notebook, setup: str, expression: str, words: str
) -> None:
    with pytest.raises(CaptureError) as caught:
        notebook.run(setup).capture(expression)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_problems_are_told_together(notebook: Notebook) -> None:
    notebook.names["con"] = io.StringIO()
    with pytest.raises(CaptureError) as caught:
        notebook.capture(
            "def init():\n    con\ndef run(data):\n    return nowhere(data), con\n", first_line=2
        )
    text = str(caught.value)
    assert text.splitlines()[0] == "2 names cannot be captured:"
    assert "con (line 3) is a live" in text
    assert "'nowhere' (line 5)" in text
    assert (caught.value.name, caught.value.line) == ("con", 3)


def test_the_shells_own_open_is_pythons(notebook: Notebook) -> None:
    assert "open" in notebook.names
    script = notebook.capture("open(data).read()")
    assert script.carried == ()


def test_display_is_an_ordinary_import(notebook: Notebook) -> None:
    script = notebook.capture("display")
    assert "from IPython.display import display\n" in script.source
    assert any(line.startswith("ipython==") for line in script.requirements)


def test_a_value_longer_than_asked_is_carried_by_name(notebook: Notebook) -> None:
    notebook.run("text = 'x' * 20_000")
    assert notebook.answer("len(text)", carry=["text"]) == 20_000


def test_nan_is_nan(notebook: Notebook) -> None:
    notebook.run("gap = [float('nan'), -float('inf')]")
    found = notebook.answer("gap")
    assert math.isnan(found[0])
    assert found[1] == -math.inf
