from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine
from mlmagic.engine.environments.runtime import Runtime
from mlmagic.engine.models.registration import PICKLE_WARNING, library_mismatches, to_plain
from mlmagic.errors import AlreadyExists, NotFound, UsageError
from tests.support.engines import MakeEngine


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine(supervise=False)


class Weighted:
    """A model that is a class of ours with an array in it."""

    def __init__(self) -> None:
        self.weights = np.arange(3.0)


def test_a_live_object_is_stored_with_the_versions_it_needs(engine: Engine, tmp_path: Path) -> None:
    told: list[str] = []
    model = engine.models.register(Weighted(), ModelDescription("w"), notify=told.append)
    assert [file.path for file in model.files] == ["model.pkl"]
    assert set(model.details.libraries) == {"joblib", "numpy"}
    assert model.details.libraries["numpy"] == np.__version__
    assert model.framework == "Custom"
    assert told == [PICKLE_WARNING]
    loaded = joblib.load(engine.models.download("w:1", tmp_path / "out"))
    assert loaded.weights.tolist() == [0.0, 1.0, 2.0]


def test_the_warning_about_pickles_comes_once(engine: Engine) -> None:
    told: list[str] = []
    for _ in range(3):
        engine.models.register({"a": 1}, ModelDescription("w"), notify=told.append)
    assert len(told) == 1


def test_another_process_does_not_warn_of_the_same_version_again(engine: Engine) -> None:
    told: list[str] = []
    model = engine.models.register({"a": 1}, ModelDescription("w"))
    versions = dict(model.details.libraries)
    with closing(Engine(engine.location, supervise=False)) as another:
        here = Runtime(sys.executable, "", lambda names: versions)
        another.models.report_mismatches([model], here, told.append)
        assert told == []
        another.models.register({"a": 2}, ModelDescription("w"), notify=told.append)
    assert told == [PICKLE_WARNING]


def test_what_cannot_be_stored_is_refused_with_the_reason(engine: Engine) -> None:
    with pytest.raises(UsageError, match="the generator object cannot be stored") as caught:
        engine.models.register((x for x in "a"), ModelDescription("w"))
    assert "Save it with its own library" in str(caught.value)
    assert engine.models.list() == []
    assert not engine.memory.files.has_intakes


@pytest.mark.parametrize(
    ("name", "framework"), [("a.onnx", "Onnx"), ("a.pt", "PyTorch"), ("a.pkl", None), ("a.bin", None)]
)
def test_a_files_suffix_tells_the_framework(
    engine: Engine, tmp_path: Path, name: str, framework: str | None
) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert engine.models.register(tmp_path / name, ModelDescription("m")).framework == framework
    named = ModelDescription("m", framework="Custom")
    assert engine.models.register(str(tmp_path / name), named).framework == "Custom"


def test_download_refuses_to_overwrite_unless_told(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a").write_text("a")
    engine.models.register(folder, ModelDescription("m"))
    out = tmp_path / "out"
    assert engine.models.download("m", out) == out / "folder"
    (out / "folder" / "sub" / "a").write_text("mine")
    with pytest.raises(AlreadyExists, match="exist_ok=True"):
        engine.models.download("m", out)
    assert (out / "folder" / "sub" / "a").read_text() == "mine"
    engine.models.download("m", out, exist_ok=True)
    assert (out / "folder" / "sub" / "a").read_text() == "a"
    with pytest.raises(NotFound):
        engine.models.download("n", out)


def test_mismatches_name_both_versions() -> None:
    details = ModelDescription("m", libraries={"numpy": "1.0", "scikit-learn": "1.0", "joblib": "1.3"})
    assert library_mismatches(details, {"numpy": "2.0", "scikit-learn": None, "joblib": "1.3"}) == [
        "numpy is 2.0 here, and the model was stored with 1.0",
        "scikit-learn is not installed here, and the model was stored with 1.0",
    ]


@pytest.mark.parametrize(
    ("sample", "plain"),
    [
        (np.array([[1, 2]]), [[1, 2]]),
        ({"a": np.float64(1.5)}, {"a": 1.5}),
        ([1, "x", None], [1, "x", None]),
        ((1, 2), [1, 2]),
    ],
)
def test_samples_are_kept_as_json(sample: Any, plain: Any) -> None:
    assert to_plain(sample) == plain


def test_a_table_is_kept_as_records() -> None:
    import pandas as pd

    assert to_plain(pd.DataFrame({"a": [1, 2]})) == [{"a": 1}, {"a": 2}]
    with pytest.raises(UsageError, match="cannot be written as JSON"):
        to_plain(object())
