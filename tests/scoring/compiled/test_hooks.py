"""`joblib.load` and `pickle.load` of model files that are compiled, and of all others."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy
import pytest
from sklearn.linear_model import Ridge

from mlmagic.scoring.compiled.files import Record
from mlmagic.scoring.compiled.hooks import install, uninstall
from mlmagic.scoring.compiled.proxy import first_methods

from .models import Models, X

pytestmark = pytest.mark.together


def is_compiled(model: Any) -> bool:
    return type(model) is not Ridge and type(model).__name__ == "Ridge"


def opened(path: Path, load: Callable[[Any], Any]) -> Any:
    with path.open("rb") as file:
        return load(file)


LOADS: dict[str, Callable[[Path], Any]] = {
    "joblib, text": lambda path: joblib.load(str(path)),
    "joblib, path": lambda path: joblib.load(path),
    "joblib, keyword": lambda path: joblib.load(filename=path),
    "joblib, file": lambda path: opened(path, joblib.load),
    "joblib, memory map": lambda path: joblib.load(path, mmap_mode="r"),
    "joblib, relative": lambda path: joblib.load(os.path.relpath(path)),
    "pickle": lambda path: opened(path, pickle.load),
    "pickle, options": lambda path: opened(path, lambda file: pickle.load(file, encoding="latin1")),
}


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_a_compiled_model_is_loaded(load: Callable[[Path], Any], models: Models) -> None:
    model = load(models.file("ridge"))
    assert is_compiled(model)
    assert model.predict(X[:3]).tolist() == pytest.approx(X[:3] @ model.coef_ + model.intercept_)


def test_pickle_reads_no_file_that_only_joblib_reads(models: Models) -> None:
    assert type(joblib.load(models.file("pipeline"))).__name__ == "Pipeline"
    with pytest.raises(pickle.UnpicklingError), models.file("pipeline").open("rb") as file:
        pickle.load(file)


def test_a_copy_with_another_name_is_the_same_model(models: Models, tmp_path: Path) -> None:
    shutil.copy(models.file("ridge"), tmp_path / "copy.joblib")
    assert is_compiled(joblib.load(tmp_path / "copy.joblib"))


def test_other_files_are_loaded_as_ever(models: Models, tmp_path: Path) -> None:
    other = Ridge(alpha=9).fit(X, X[:, 0])
    joblib.dump(other, tmp_path / "other.pkl")
    assert type(joblib.load(tmp_path / "other.pkl")) is Ridge
    assert pickle.load(io.BytesIO(pickle.dumps([1, 2]))) == [1, 2]
    with pytest.raises(FileNotFoundError):
        joblib.load(tmp_path / "missing.pkl")
    numpy.save(tmp_path / "objects.npy", numpy.array([None, "a"]), allow_pickle=True)
    assert numpy.load(tmp_path / "objects.npy", allow_pickle=True).tolist() == [None, "a"]


def test_a_file_that_was_changed_after_it_was_compiled_is_loaded_as_it_is(models: Models) -> None:
    path = models.file("ridge")
    content = bytearray(path.read_bytes())
    place = content.index(b"auto")  # solver
    content[place : place + 4] = b"lsqr"
    path.write_bytes(content)
    model = joblib.load(path)
    assert type(model) is Ridge
    assert model.solver == "lsqr"


def test_a_second_load_from_the_same_file_finds_its_end(models: Models) -> None:
    with models.file("ridge").open("rb") as file:
        assert is_compiled(pickle.load(file))
        with pytest.raises(EOFError):
            pickle.load(file)


def test_a_file_that_is_read_from_its_middle_is_loaded_as_ever(models: Models, tmp_path: Path) -> None:
    with (tmp_path / "two.pkl").open("wb") as file:
        pickle.dump("first", file)
        pickle.dump("second", file)
    with (tmp_path / "two.pkl").open("rb") as file:
        assert (pickle.load(file), pickle.load(file)) == ("first", "second")


def test_the_original_is_loaded_from_a_file_that_was_deleted(models: Models) -> None:
    model = joblib.load(models.file("ridge"))
    models.file("ridge").unlink()
    assert model.get_params()["alpha"] == 0.5


def test_the_original_is_not_loaded_from_a_file_that_was_overwritten(models: Models) -> None:
    path = models.file("ridge")
    model = joblib.load(path)
    joblib.dump(Ridge(alpha=9).fit(X, X[:, 0]), path)
    model.predict(X)
    with pytest.raises(RuntimeError, match=r"'model.pkl' was overwritten after it was loaded"):
        model.get_params()


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda folder: (folder / "predict.onnx").unlink(), "predict.onnx"),
        (lambda folder: (folder / "predict.onnx").write_bytes(b"broken"), "predict.onnx"),
        (lambda folder: _other_answers(folder), "does not return what it did when compiled"),
    ],
    ids=["a graph is missing", "a graph is broken", "another processor"],
)
def test_a_compiled_model_that_cannot_be_used_is_reported(
    break_it: Callable[[Path], Any], message: str, models: Models, capfd: pytest.CaptureFixture[str]
) -> None:
    break_it(models.folder("ridge"))
    install(models.compiled)
    assert type(joblib.load(models.file("ridge"))) is Ridge
    assert message in (said := capfd.readouterr().err)
    assert "the original of 'model.pkl' is served, as its compiled model cannot be used" in said


def test_a_method_that_cannot_be_used_is_found_when_it_is_called(
    models: Models, capfd: pytest.CaptureFixture[str]
) -> None:
    (models.folder("pipeline") / "decision_function.onnx").write_bytes(b"broken")
    install(models.compiled, {"predict"})
    model = joblib.load(models.file("pipeline"))
    assert model.predict(X[:2]).tolist()
    assert capfd.readouterr().err == ""
    assert model.decision_function(X[:2]).shape == (2,)
    assert "the original of 'model.pkl' is served, as its" in capfd.readouterr().err
    assert model.predict(X[:2]).tolist() == model[:].predict(X[:2]).tolist()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"predict", "tolist"}, ["predict"]),
        ({"predict_proba", "predict"}, ["predict", "predict_proba"]),
        ({"read_csv"}, ["predict_proba"]),
        (set(), ["predict_proba"]),
    ],
)
def test_methods_that_the_script_names_are_prepared(
    names: set[str], expected: list[str], models: Models
) -> None:
    assert first_methods(Record.read(models.folder("pipeline")), names) == expected


def _other_answers(folder: Path) -> None:
    record = json.loads((folder / "compiled.json").read_text())
    record["answers"]["predict"][0] += 1e-6
    (folder / "compiled.json").write_text(json.dumps(record))


def test_a_record_of_a_later_format_is_an_error(models: Models) -> None:
    (models.folder("ridge") / "compiled.json").write_text('{"format": 2}')
    with pytest.raises(ValueError, match="has the format 2, and this version reads format 1: compile the"):
        install(models.compiled)


def test_without_compiled_models_nothing_is_replaced(tmp_path: Path) -> None:
    before = joblib.load, pickle.load
    assert not install(tmp_path)
    assert (joblib.load, pickle.load) == before
    with pytest.raises(FileNotFoundError, match=r"MLMAGIC_COMPILED_MODELS is .*: there is no such folder"):
        install(tmp_path / "missing")


def test_the_functions_are_put_back(models: Models) -> None:
    install(models.compiled)  # twice
    uninstall()
    assert type(joblib.load(models.file("ridge"))) is Ridge


def test_joblib_is_replaced_when_it_is_imported(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "joblib"]:
        monkeypatch.delitem(sys.modules, name)
    install(models.compiled)
    assert "joblib" not in sys.modules
    from joblib import load

    assert is_compiled(load(models.file("ridge")))
