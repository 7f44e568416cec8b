from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlmagic.errors import CaptureError, InvalidConfig, NotFound
from tests.support.notebooks import ENTRY, Notebook

pytestmark = pytest.mark.together


def test_the_cell_is_kept_byte_for_byte_below_what_it_needs(notebook: Notebook) -> None:
    notebook.run("import json\nLIMIT = 3\ndef prepare(x):\n    return x[:LIMIT]")
    cell = "# mine\ndef init():  pass\n\n\ndef run(data) :\n\treturn json.dumps(prepare(data))  # ünï"
    script = notebook.capture(cell)
    assert script.cell == cell
    assert script.source == (
        "# Captured by mlmagic from the cell of %%score_script svc.\n"
        "import json\n\nLIMIT = 3\n\n\ndef prepare(x):\n    return x[:LIMIT]\n\n\n" + cell + "\n"
    )
    assert script.source.splitlines()[script.cell_line - 1] == "# mine"
    assert (script.name, script.file_name) == ("svc", "score.py")
    assert script.carried == ("json", "prepare", "LIMIT")
    assert script.requirements == ()


def test_a_cell_that_needs_nothing(notebook: Notebook) -> None:
    script = notebook.capture(ENTRY.format("data"))
    assert script.source.endswith(ENTRY.format("data"))
    assert script.source.count("\n") == ENTRY.count("\n") + script.cell_line - 1


@pytest.mark.parametrize(
    "head",
    [
        "from __future__ import annotations\n",
        "'''doc'''\nfrom __future__ import (\n    annotations,\n)  # why\n",
        "from __future__ import annotations; import os\n",
        "from __future__ import (\n    annotations\n); import os\n",
        "'''doc'''; from __future__ import annotations\n",
    ],
)
def test_future_imports_move_up_and_no_line_of_the_cell_moves(notebook: Notebook, head: str) -> None:
    cell = f"{head}def init(): ...\ndef run(data: Nowhere):\n    return data\n"
    script = notebook.capture(cell)
    lines = script.source.splitlines()
    assert lines[1] == "from __future__ import annotations"
    assert lines[script.cell_line - 1 :][-2:] == cell.splitlines()[-2:]
    assert len(lines) - script.cell_line + 1 == len(cell.splitlines())
    assert notebook.serve(script, 1) == 1


def test_a_script_runs_in_an_interpreter_of_its_own(notebook: Notebook) -> None:
    Path("vocab.json").write_text('{"a": 1}')
    Path("helpers.py").write_text("def shout(x): return f'{x}!'\n")
    notebook.run(
        "import json, helpers\nfrom pathlib import Path",
        "from collections import Counter as C\ndef prep(x): return C(x)",
    )
    cell = (
        "def init():\n    global vocab\n    vocab = json.loads(Path(vocab).read_text())\n"
        "def run(data):\n    return [vocab, prep(data), helpers.shout(data)]\n"
    )
    script = notebook.capture(cell, assets={"vocab": "vocab.json"})
    notebook.serve(script, "aab")
    code = "import score, json; score.init(); print(json.dumps(score.run('aab')))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, '.'); {code}"],
        cwd=notebook.folder / "service",
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [{"a": 1}, {"a": 2, "b": 1}, "aab!"]


def test_an_asset_is_a_path_in_the_service(notebook: Notebook) -> None:
    Path("a.txt").write_text("A")
    (notebook.folder / "other").mkdir()
    Path("other/a.txt").write_text("B")
    Path("other/deep").mkdir()
    Path("other/deep/c.txt").write_text("C")
    assets = {"first": "a.txt", "second": "other/a.txt", "whole": "other"}
    expression = "[Path(p).read_text() for p in (first, second, whole + '/deep/c.txt')]"
    script = notebook.run("from pathlib import Path").capture(expression, assets=assets)
    assert list(script.assets) == [
        "assets/a.txt",
        "assets/second/a.txt",
        "assets/other/a.txt",
        "assets/other/deep/c.txt",
    ]
    assert all(os.path.isabs(path) for path in script.assets.values())
    assert notebook.serve(script) == ["A", "B", "C"]


def test_an_asset_wins_over_a_live_object(notebook: Notebook) -> None:
    Path("m.bin").write_text("M")
    notebook.run(
        "import io, pathlib\nmodel = io.StringIO()\ndef load(): return pathlib.Path(model).read_text()"
    )
    assert notebook.answer("load()", assets={"model": "m.bin"}) == "M"


def test_a_bad_asset_or_carried_name(notebook: Notebook) -> None:
    Path("empty").mkdir()
    Path("x").write_text("")
    with pytest.raises(NotFound, match="File not found: 'gone"):
        notebook.capture("data", assets={"x": "gone.json"})
    with pytest.raises(InvalidConfig, match="asset 'empty' is a folder without files"):
        notebook.capture("data", assets={"x": "empty"})
    with pytest.raises(InvalidConfig, match="asset name 'my-file' must be a valid Python variable name"):
        notebook.capture("data", assets={"my-file": "x"})
    with pytest.raises(NotFound, match="Variable not found: 'gone'"):
        notebook.capture("data", carry=["gone"])


def test_nothing_of_the_cell_is_executed(notebook: Notebook) -> None:
    notebook.capture("raise SystemExit\ndef init(): ...\ndef run(data): ...\n")


def test_a_local_module_called_score_would_be_overwritten(notebook: Notebook) -> None:
    Path("score.py").write_text("x = 1")
    notebook.run("import score")
    with pytest.raises(CaptureError, match=r"Rename score\.py"):
        notebook.capture("score.x")
