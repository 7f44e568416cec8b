"""compile_file: a process of its own, whatever becomes of it."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from typing import Any

import joblib
import pytest

from mlmagic.core.compilation import Compilation
from mlmagic.engine.compilation.process import compile_file

from .estimators import COMPILED

pytestmark = [pytest.mark.together, pytest.mark.processes]


class Ends:
    """Ends the process that loads it."""

    def __reduce__(self) -> Any:
        return os._exit, (3,)


class IsKilled:
    """Kills the process that loads it, as a crash of a library does."""

    def __reduce__(self) -> Any:
        return os.kill, (Pid(), 11)


class Pid:
    """The number of the process that loads it."""

    def __reduce__(self) -> Any:
        return os.getpid, ()


def test_a_model_is_compiled(tmp_path: Path) -> None:
    file, into = tmp_path / "model.pkl", tmp_path / "compiled" / "m" / "1" / "model.pkl"
    joblib.dump(COMPILED["ridge"](), file)
    found = compile_file(file, [[1.0] * 6], into)
    assert found.is_compiled, found
    assert found.methods == ("predict",)
    assert found.tolerance == 1e-12
    assert sorted(each.name for each in into.iterdir()) == ["compiled.json", "predict.onnx"]
    assert compile_file(file, None, into).is_compiled, "it replaces what is there"
    assert os.listdir(into.parent) == ["model.pkl"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "It cannot be loaded: EOFError"),
        (b"\x80\x04K\x01.\x80\x04K\x01.", "Its file contains more than one object."),
        (pickle.dumps([1]), "It is a list, not an estimator of scikit-learn, XGBoost or LightGBM."),
        (pickle.dumps(Ends()), "The conversion failed: exit code 3"),
        (pickle.dumps(IsKilled()), "The conversion was ended by SIGSEGV."),
        (b"c__main__\nMine\n.", "It cannot be loaded: Mine is defined in a notebook or script."),
        (
            b"\x80\x04\x8c\x08__main__\x8c\x04Mine\x93.",
            "It cannot be loaded: Mine is defined in a notebook or script.",
        ),
        (
            b"cno_such_module\nx\n.",
            "It cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'",
        ),
    ],
)
def test_nothing_is_written_for_what_is_not_compiled(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "model.pkl").write_bytes(content)
    found = compile_file(tmp_path / "model.pkl", None, tmp_path / "compiled" / "model.pkl")
    assert reason in found.reason
    assert found == Compilation.refused(found.reason)
    assert os.listdir(tmp_path / "compiled") == []


def test_an_environment_without_the_converter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    joblib.dump(COMPILED["ridge"](), tmp_path / "model.pkl")
    monkeypatch.setattr(sys, "executable", sys._base_executable)  # type: ignore[attr-defined]
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parents[3])])
    found = compile_file(tmp_path / "model.pkl", None, tmp_path / "compiled")
    assert found.reason.startswith("Compiling needs ")
    assert "pip install 'mlmagic[compile]'" in found.reason
