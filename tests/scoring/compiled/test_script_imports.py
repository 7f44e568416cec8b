"""Which imports of an entry script are left out, and that they can still be had."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlmagic.scoring.compiled.hooks import uninstall
from mlmagic.scoring.compiled.script_imports import leave_out
from mlmagic.scoring.environment import COMPILED_MODELS
from mlmagic.scoring.script import UserScript

from .models import Models

USE = "def run(data): return Ridge()"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from sklearn.linear_model import Ridge", "pass"),
        ("import sklearn", "pass"),
        ("import sklearn.linear_model", "pass"),
        ("import xgboost as xgb", "pass"),
        ("import sklearn, json", "import json"),
        (
            "from sklearn.linear_model import Lasso, Ridge\nRidge",
            "from sklearn.linear_model import Ridge\nRidge",
        ),
        ("from sklearn.externals import joblib", "import joblib"),
        ("from sklearn.externals import joblib as j", "import joblib as j"),
        (
            "try:\n    from sklearn.externals import joblib\nexcept ImportError:\n    import joblib",
            "try:\n    import joblib\nexcept ImportError:\n    import joblib",
        ),
        ("def init():\n    from sklearn.svm import SVC", "def init():\n    pass"),
    ],
)
def test_what_is_left_out(text: str, expected: str) -> None:
    tree = ast.parse(text)
    leave_out(tree, lambda package: True)
    assert ast.unparse(tree) == expected


@pytest.mark.parametrize(
    "text",
    [
        "from sklearn.linear_model import Ridge\nmodel: Ridge",
        "from sklearn.linear_model import Ridge\ndef run(data: 'Ridge'): pass",
        "from sklearn.linear_model import Ridge\nassert isinstance(model, Ridge)",
        "from sklearn.linear_model import Ridge\nclass Mine(Ridge): pass",
        "from sklearn.linear_model import Ridge\n__all__ = ['Ridge']",
        "from sklearn.linear_model import Ridge\nglobals()['Rid' + 'ge']",
        "from sklearn.linear_model import Ridge\neval(text)",
        "from sklearn.linear_model import *",
        "import sklearn\nprint(sklearn.__version__)",
        "import sklearn.svm as svm\nsvm.SVC",
        "from .sklearn import Ridge",
        "from sklearn_extras import Ridge",
        "import json",
        "import pandas",
        "from azureml.core.model import Model",
    ],
)
def test_what_is_kept(text: str) -> None:
    tree = ast.parse(text)
    before = ast.unparse(tree)
    assert leave_out(tree, lambda package: True) == {}
    assert ast.unparse(tree) == before


def test_the_import_of_a_package_that_is_missing_still_fails() -> None:
    tree = ast.parse("import sklearn")
    leave_out(tree, lambda package: False)
    assert ast.unparse(tree) == "import sklearn"


@pytest.fixture
def loaded(models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], UserScript]:
    """Loads a script in a service with compiled models."""
    monkeypatch.setenv(COMPILED_MODELS, str(models.compiled))

    def load(text: str) -> UserScript:
        uninstall()
        path = tmp_path / "score_it.py"
        path.write_text(f"{text}\ndef init(): pass\ndef run(data): return data\n")
        monkeypatch.delitem(sys.modules, "score_it", raising=False)
        return UserScript.load(path)

    return load


@pytest.mark.together
def test_a_name_that_was_left_out_can_be_had_from_outside(loaded: Callable[[str], UserScript]) -> None:
    from sklearn.linear_model import Ridge

    module = loaded("from sklearn.linear_model import Ridge\nimport sklearn.svm").module
    assert "Ridge" not in vars(module)
    assert module.Ridge is Ridge
    assert module.sklearn is sys.modules["sklearn"]
    with pytest.raises(AttributeError, match="module 'score_it' has no attribute 'Lasso'"):
        _ = module.Lasso


@pytest.mark.together
def test_an_error_of_the_script_names_its_line(loaded: Callable[[str], UserScript]) -> None:
    from mlmagic.scoring.script import ImportFailed

    with pytest.raises(ImportFailed) as failed:
        loaded("from sklearn.svm import SVC\n\n\nraise ValueError('here')")
    assert "line 4" in failed.value.record()["traceback"]
    assert "raise ValueError('here')" in failed.value.record()["traceback"]


@pytest.mark.together
def test_a_script_that_cannot_be_parsed_names_its_line(loaded: Callable[[str], UserScript]) -> None:
    from mlmagic.scoring.script import ImportFailed

    with pytest.raises(ImportFailed, match="SyntaxError") as failed:
        loaded("def broken(:\n    pass")
    assert "line 1" in failed.value.record()["traceback"]
