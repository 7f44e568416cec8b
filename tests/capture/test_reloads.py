"""Functions and classes of a module that was reloaded after they were imported."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest

from mlmagic.errors import CaptureError
from tests.support.notebooks import Notebook

pytestmark = pytest.mark.together

BEFORE = "def f(x): return x + 1\nclass K:\n    n = 1\n    def m(self): return 'old'\n"


@pytest.mark.parametrize(
    ("after", "expression", "expected"),
    [
        (BEFORE, "f(data)", 2),
        (BEFORE, "K().m()", "old"),
        ("import os\n\n" + BEFORE, "f(data)", 2),
        (BEFORE + "extra = 1\n", "f(data)", 2),
        (BEFORE.replace("x + 1", "x + 2"), "f(data)", "is of an earlier version of the module 'own'"),
        (BEFORE.replace("old", "new"), "K().m()", "Import it again: from own import K."),
        (BEFORE.replace("n = 1", "n = 2"), "K.n", "K (line 5) is of an earlier version"),
    ],
)  # fmt: skip
def test_a_reloaded_module(notebook: Notebook, after: str, expression: str, expected: Any) -> None:
    file = notebook.folder / "own.py"
    file.write_text(BEFORE)
    importlib.invalidate_caches()
    notebook.run("from own import f, K")
    file.write_text(after + "\n\n")
    importlib.reload(sys.modules["own"])
    if isinstance(expected, str) and " " in expected:
        with pytest.raises(CaptureError) as caught:
            notebook.capture(expression)
        assert expected in str(caught.value)
    else:
        script = notebook.capture(expression)
        assert "from own import" in script.source
        assert notebook.serve(script, 1) == expected
