"""What cells set on imported modules and objects is there in the service, too, or the script is refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmagic.errors import CaptureError
from tests.support.notebooks import Notebook

pytestmark = pytest.mark.together

SETTINGS = """
LIMIT = 1
ROWS = [1]
TABLE = {"a": 1}
hook = None
lock = object()

class Box:
    size = 1

class Settings:
    debug = False

settings = Settings()

def limit():
    return [LIMIT, ROWS, TABLE, Box.size, settings.debug, hook and hook(2)]
"""
FRESH = [1, [1], {"a": 1}, 1, False, None]


@pytest.fixture
def modules(notebook: Notebook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Notebook]:
    """A notebook beside the module ``conf``, and ``uses``, which imports it."""
    folder = tmp_path / "beside"
    folder.mkdir()
    (folder / "conf").mkdir()
    (folder / "conf" / "__init__.py").write_text(SETTINGS)
    (folder / "conf" / "deep.py").write_text("")
    (folder / "uses.py").write_text("import conf\ndef limit():\n    return conf.limit()\n")
    monkeypatch.syspath_prepend(str(folder))
    yield notebook
    for name in ("conf", "conf.deep", "uses"):
        sys.modules.pop(name, None)


def served(notebook: Notebook, cell: str) -> object:
    """The answer where the modules are imported anew, as in the service."""
    script = notebook.capture(cell)
    for name in ("conf", "conf.deep", "uses"):
        sys.modules.pop(name, None)
    return notebook.serve(script)


@pytest.mark.parametrize(
    ("cells", "expression", "changed"),
    [
        (["import conf", "conf.LIMIT = 5"], "conf.limit()", {0: 5}),
        (["import conf as c", "c.LIMIT = 5\nc.LIMIT += 1"], "c.limit()", {0: 6}),
        (["import conf", "setattr(conf, 'LIMIT', 5)"], "conf.limit()", {0: 5}),
        (["import conf", "conf.ROWS.append(2)"], "conf.limit()", {1: [1, 2]}),
        (["import conf", "conf.TABLE['b'] = 2"], "conf.limit()", {2: {"a": 1, "b": 2}}),
        (["import conf", "conf.TABLE.update({'b': 2})"], "conf.limit()", {2: {"a": 1, "b": 2}}),
        (["import conf", "conf.TABLE.update(b=2)"], "conf.limit()", {2: {"a": 1, "b": 2}}),
        (["import conf", "del conf.TABLE['a']"], "conf.limit()", {2: {}}),
        (["from conf import Box, limit", "Box.size = 3"], "limit()", {3: 3}),
        (["from conf import settings, limit", "settings.debug = True"], "limit()", {4: True}),
        (["import conf", "conf.settings.debug = True"], "conf.limit()", {4: True}),
        (["import conf", "def double(x): return 2 * x", "conf.hook = double"], "conf.limit()", {5: 4}),
        # The script does not name the module that was changed.
        (["import conf\nfrom conf import limit", "conf.LIMIT = 5"], "limit()", {0: 5}),
        (["import conf, uses", "conf.LIMIT = 5"], "uses.limit()", {0: 5}),
        (["import conf", "conf.LIMIT = 5", "conf = 3\nfrom uses import limit"], "limit()", {0: 5}),
        (["import conf.deep, uses", "conf.LIMIT = 5", "conf = 3"], "uses.limit()", {0: 5}),
        # Set by a function.
        (["import conf\ndef raise_limit(): conf.LIMIT = 5", "raise_limit()"], "conf.limit()", {0: 5}),
        # Another object of that name, and what was set back.
        (["class conf: pass\nconf.LIMIT = 9", "import conf"], "conf.limit()", {}),
        (["import conf", "conf.LIMIT = 5", "conf.LIMIT = 1"], "conf.limit()", {}),
    ],
)  # fmt: skip
def test_what_cells_set_on_imported_objects_is_served(
    modules: Notebook, cells: list[str], expression: str, changed: dict[int, object]
) -> None:
    modules.run(*cells)
    assert served(modules, expression) == [changed.get(at, value) for at, value in enumerate(FRESH)]


def test_the_cell_may_import_the_module_itself(modules: Notebook) -> None:
    modules.run("import conf", "conf.LIMIT = 5")
    cell = "def init(): pass\ndef run(data):\n    import conf\n    return conf.limit()[0]"
    assert served(modules, cell) == 5
    own = "import conf\ndef init():\n    conf.LIMIT = 7\ndef run(data): return conf.limit()[0]"
    assert served(modules, own) == 7


def test_an_installed_library_keeps_its_options(notebook: Notebook) -> None:
    notebook.run("import pandas as pd", "pd.options.display.max_rows = 7")
    source = notebook.capture("pd.options.display.max_rows").source
    assert "pandas.options.display.max_rows = 7" in source
    assert notebook.answer("pd.get_option('display.max_rows')") == 7


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("conf.hook = lambda x: x", "conf.hook"),
        ("conf.lock = object()", "conf.lock"),
        ("conf.TABLE['lock'] = conf.lock", "conf.TABLE['lock']"),
        ("conf.ROWS.append(conf.lock)", "conf.ROWS"),
    ],
)
def test_what_cannot_be_written_is_refused_unless_the_cell_sets_it(
    modules: Notebook, cell: str, name: str
) -> None:
    modules.run("import conf", cell)
    with pytest.raises(CaptureError) as refused:
        modules.capture("conf.limit()")
    assert refused.value.message.startswith(f"{name} was changed by a cell")
    own = f"def init():\n    {cell}\ndef run(data): return conf.LIMIT"
    assert served(modules, own) == 1


@pytest.mark.parametrize(
    "cells",
    [
        ["import os, sys", "os.environ['SECRET'] = 'x'", "sys.path.append('/somewhere')"],
        ["import logging", "logging.root.handlers.clear()"],
        ["import conf", "conf.LIMIT = 5"],  # which the script does not use
    ],
)
def test_the_rest_of_the_process_is_left_alone(modules: Notebook, cells: list[str]) -> None:
    modules.run(*cells, "import math")
    source = modules.capture("math.pi").source
    assert "import math" in source
    assert "SECRET" not in source
    assert "conf" not in source
    assert "handlers" not in modules.capture("logging.INFO" if "logging" in cells[0] else "math.e").source
