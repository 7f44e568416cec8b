# ruff: noqa: E501 - one case, one line
"""What a captured cell means, through the magics: pickles of the notebook's classes, and changed names."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mlmagic.capture.script import CapturedScript
from mlmagic.core.model import definitions_of
from mlmagic.engine.engine import Engine
from mlmagic.errors import CaptureError, ScriptError
from mlmagic.magics.session import MLMagic
from tests.support.shells import TestingShell

SKLEARN = "from sklearn.base import BaseEstimator, TransformerMixin\nfrom sklearn.dummy import DummyClassifier\nfrom sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import FunctionTransformer\n"
NOOP = "class Noop(TransformerMixin, BaseEstimator):\n    def fit(self, X, y=None): return self\n    def transform(self, X): return helper(X)\ndef helper(X): return X\n"
FIT = ".fit([[0], [1]], [0, 1])"


@pytest.mark.parametrize(
    ("setup", "names"),
    [
        (f"{NOOP}pipe = make_pipeline(Noop(), DummyClassifier()){FIT}", ["class Noop", "def helper"]),
        (f"def double(X): return [[2 * x for x in row] for row in X]\npipe = make_pipeline(FunctionTransformer(double), DummyClassifier()){FIT}", ["def double"]),
        (f"{NOOP}class More(Noop): pass\npipe = make_pipeline(More(), DummyClassifier()){FIT}", ["class More", "class Noop"]),
        (f"pipe = make_pipeline(DummyClassifier()){FIT}", []),
    ],
)  # fmt: skip
def test_registering_a_model_stores_the_definitions_its_pickle_needs(
    session: MLMagic, shell: TestingShell, fake_engine: Engine, setup: str, names: list[str]
) -> None:
    shell.run_cell(SKLEARN + setup)
    shell.run_cell("%register pipe --name pipe")
    assert ("of this notebook. The source is stored with the model" in shell.shown()) == bool(names)
    stored = fake_engine.models.get("pipe").details.definitions
    assert all(name in stored for name in names)
    assert bool(stored) == bool(names)
    compile(stored, "definitions.py", "exec")


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("by", ["magic", "sdk"])
def test_registering_a_file_stores_the_definitions_its_pickle_needs(
    session: MLMagic,
    shell: TestingShell,
    fake_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    by: str,
    protocol: int,
) -> None:
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: shell)
    monkeypatch.setattr(Engine, "of", classmethod(lambda cls, location: fake_engine))
    shell.run_cell(f"{SKLEARN}{NOOP}class Other: pass\npipe = make_pipeline(Noop(), DummyClassifier()){FIT}")
    # As in a kernel, where the notebook is __main__.
    monkeypatch.setattr(sys.modules["__main__"], "Noop", shell.user_ns["Noop"], raising=False)
    shell.run_cell(f"import pickle\nwith open('pipe.pkl', 'wb') as file: pickle.dump(pipe, file, {protocol})")
    if by == "magic":
        shell.run_cell("%register pipe.pkl --name pipe")
    else:
        shell.run_cell(
            "from mlmagic import Workspace, Model\nModel.register(Workspace(), 'pipe.pkl', 'pipe')"
        )
    stored = fake_engine.models.get("pipe").details.definitions
    assert "class Noop" in stored
    assert "def helper" in stored
    assert "Other" not in stored


def test_a_definition_that_cannot_be_captured_is_named(session: MLMagic, shell: TestingShell) -> None:
    shell.run_cell(
        f"{SKLEARN}import io\nlive = io.StringIO()\n{NOOP.replace('return X', 'return live')}pipe = Noop()"
    )
    shell.run_cell("%register pipe --name pipe")
    assert "The model's pickle needs Noop of this notebook, which cannot be captured: live" in shell.shown()


@pytest.mark.parametrize(
    ("definitions", "expected"),
    [
        ([], ""),
        (["x = 1\n"], "x = 1\n\n\n"),
        (["x = 1\n", "x = 1\n", ""], "x = 1\n\n\n"),
        (
            ["x = 1\n", "from __future__ import annotations\ny = 1\n"],
            "from __future__ import annotations\nx = 1\n\n\ny = 1\n\n\n",
        ),
    ],
)
def test_definitions_of_several_models_are_one_source(definitions: list[str], expected: str) -> None:
    models = [SimpleNamespace(details=SimpleNamespace(definitions=each)) for each in definitions]
    assert definitions_of(cast(Any, models)) == expected


def test_a_name_that_changed_since_the_definition_is_refused_until_the_cell_runs_again(
    session: MLMagic, shell: TestingShell
) -> None:
    cell = "def deco(n): return lambda f: lambda x: f(x) * n\n@deco(N)\ndef work(x): return x"
    shell.run_cell("N = 3", store_history=True)
    shell.run_cell(cell, store_history=True)
    shell.run_cell("N = 100", store_history=True)
    script = "%%score_script s\ndef init(): pass\ndef run(raw): return work(raw)"
    with pytest.raises(CaptureError, match="'N', which has changed since"):
        shell.run_cell(script)
    shell.run_cell(cell, store_history=True)
    shell.run_cell(script)
    assert session.script_names == ["s"]


def test_a_default_keeps_the_value_it_was_bound_to(session: MLMagic, shell: TestingShell) -> None:
    shell.run_cell("factor = 2\ndef scale(x, by=factor): return x * by")
    shell.run_cell("factor = 100")
    shell.run_cell("%%score_script s\ndef init(): pass\ndef run(raw): return scale(raw)")
    assert "def scale(x, by=2)" in session.script("s").source


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("def init():\n    import no_such_package_x\ndef run(raw): return 1", "imports 'no_such_package_x' (line 3), which is not installed here. Install it with %pip install no_such_package_x"),
        ("import no_such_package_x as x\ndef init(): pass\ndef run(raw): return x", "'no_such_package_x' (line 2)"),
        ("def init(): helper()\ndef run(raw): return 1", "imports 'no_such_package_y', which is not installed"),
        ("def init():\n    try:\n        import no_such_package_x\n    except ImportError: pass\ndef run(raw): return 1", ""),
    ],
)  # fmt: skip
def test_a_package_that_is_not_installed_is_named_at_the_capture(
    session: MLMagic, shell: TestingShell, cell: str, words: str
) -> None:
    shell.run_cell("def helper():\n    import no_such_package_y")
    shell.run_cell(f"%%score_script s\n{cell}")
    assert words in shell.shown()
    assert ("not installed" in shell.shown()) == bool(words)


@pytest.mark.parametrize(
    ("traceback", "expected"),
    [
        ('  File "score.py", line 12, in init\n', '  File "score.py", line 12 (In[5], line 4), in init\n'),
        ('  File "score.py", line 10\n', '  File "score.py", line 10 (In[5], line 2)\n'),
        ('  File "score.py", line 9, in helper\n', '  File "score.py", line 9, in helper\n'),
        ('  File "other.py", line 12, in f\n', '  File "other.py", line 12, in f\n'),
        ("ValueError: x", "ValueError: x"),
    ],
)
def test_a_traceback_names_the_lines_of_the_cell(traceback: str, expected: str) -> None:
    script = CapturedScript("s", "", "", 10, {}, (), (), cell_number=5)
    assert script.with_cell_lines(traceback) == expected
    assert replace(script, cell_number=None).with_cell_lines(traceback) == traceback


@pytest.mark.parametrize("store_history", [True, False])  # a notebook stores it
def test_a_failed_test_names_the_line_of_its_cell(
    session: MLMagic, shell: TestingShell, store_history: bool
) -> None:
    shell.run_cell("1", store_history=True)
    number = shell.execution_count
    cell = "%%score_script s --test 3\ndef init(): pass\ndef run(raw):\n    return 1 / 0"
    with pytest.raises(ScriptError) as caught:
        shell.run_cell(cell, store_history=store_history)
    assert f"(In[{number}], line 4), in run" in str(caught.value)


LOADS = (
    "import joblib, json, os\ndef init():\n    global model\n"
    "    model = joblib.load(os.path.join(os.environ['AZUREML_MODEL_DIR'], 'model.pkl'))\n"
    "def run(raw):\n    return [model.predict(json.loads(raw)).tolist(), model.steps[0][1].mark]\n"
)
MARKED = (
    "class Noop(TransformerMixin, BaseEstimator):\n    mark = '{}'\n"
    "    def fit(self, X, y=None): return self\n    def transform(self, X): return X\n"
    f"pipe = make_pipeline(Noop(), DummyClassifier(strategy='constant', constant=1)){FIT}\n"
    "import __main__\n__main__.Noop = Noop"
)


@pytest.mark.processes
@pytest.mark.parametrize("way", ["captured", "file", "no code"])
def test_what_a_pickle_needs_comes_along_with_each_script(
    shell: TestingShell, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    next(one for one in shell.configurables if isinstance(one, MLMagic)).use(engine)
    monkeypatch.setattr(sys.modules["__main__"], "Noop", None, raising=False)
    shell.run_cell(SKLEARN + MARKED.format("first"))
    shell.run_cell("%register pipe --name pipe")
    script = "--no-code"
    if way == "captured":
        shell.run_cell(f"%%score_script pipe-svc\n{LOADS}")
        script = ""
    elif way == "file":
        (tmp_path / "src" / "inner").mkdir(parents=True)
        (tmp_path / "src" / "inner" / "main.py").write_text(LOADS)
        script = f"--source-directory {tmp_path / 'src'} --entry-script inner/main.py"
    shell.run_cell(f"%deploy pipe-svc -m pipe {script}")
    body = [[0], [1]] if way != "no code" else {"data": [[0], [1]]}

    def answer() -> Any:
        return shell.run_cell(f"%score pipe-svc {json.dumps(body)}")

    assert answer() == ([[0.0, 1.0]] * 2 if way == "no code" else [[1, 1], "first"])
    shell.run_cell(MARKED.format("second"))
    shell.run_cell("%register pipe --name pipe")
    shell.run_cell("%update pipe-svc -m pipe:2")
    assert answer() == ([[0.0, 1.0]] * 2 if way == "no code" else [[1, 1], "second"])
