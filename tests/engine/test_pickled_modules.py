"""The modules that pickles name, read without loading them."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from mlmagic.engine.models.pickled_modules import may_be_pickle, modules_in

pytestmark = pytest.mark.together

COMPRESSIONS = [0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("xz", 1), ("lzma", 1)]
STRUCTURED = np.zeros(3, dtype=[("a", "f8"), ("b", "i4")])


class Opens:
    """Its pickle writes a file when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch loaded",)


def tops(path: Path) -> set[str]:
    found = modules_in(path)
    assert found.is_complete
    return {name.partition(".")[0] for name in found.names} - {
        "builtins",
        "__builtin__",
        "copy_reg",
        "_codecs",
    }


@pytest.mark.parametrize("compress", COMPRESSIONS)
@pytest.mark.parametrize(
    "array",
    [
        np.ones((3, 4)),
        np.asfortranarray(np.ones((3, 4))),
        np.array(3.0),
        np.ones((0, 4)),
        np.array(["abc", "d"]),
        np.array([b"abc"]),
        np.array(["2020-01-01"], dtype="M8[D]"),
        np.array([True, False]),
        STRUCTURED,
        np.array(["a", None, OrderedDict(x=1)], dtype=object),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_what_comes_after_an_array_of_joblib_is_found(tmp_path: Path, array: Any, compress: Any) -> None:
    joblib.dump(
        [array, array * 1 if array.dtype.kind == "f" else 0, OrderedDict()], tmp_path / "x.joblib", compress
    )
    assert tops(tmp_path / "x.joblib") == {"joblib", "numpy", "collections"}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_each_protocol(tmp_path: Path, protocol: int) -> None:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    model = make_pipeline(FunctionTransformer(np.log1p), Ridge().fit([[0.0], [1.0]], [0, 1]))
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(model, protocol))
    assert tops(tmp_path / "x.pkl") == {"numpy", "sklearn"}


def test_words_in_the_data_are_no_modules(tmp_path: Path) -> None:
    words = {"torch": 1, "pandas": ["keras", "cnumpy\ncore\n"], "twice": ("torch", "torch")}
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(words))
    assert tops(tmp_path / "x.pkl") == set()


def test_a_name_that_was_used_before_is_found_again(tmp_path: Path) -> None:
    # The second one takes the module's name from the memo.
    (tmp_path / "x.pkl").write_bytes(pickle.dumps([zipfile.BadZipFile, zipfile.LargeZipFile, "zipfile"]))
    assert tops(tmp_path / "x.pkl") == {"zipfile"}


def test_an_archive_of_pytorch(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "net.pt", "w") as archive:
        archive.writestr("net/data.pkl", pickle.dumps(OrderedDict(x=1), 2))
        archive.writestr("net/data/0", b"\0" * 64)
    assert tops(tmp_path / "net.pt") == {"collections"}


def test_nothing_of_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.pkl").write_bytes(pickle.dumps(Opens()))
    assert modules_in(Path("x.pkl")).names == {os.system.__module__}
    assert not Path("loaded").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"weights",
        b"\x80\x04",
        b"\x80\x04\x95",
        b"x\x9cnot compressed",
        b"\x1f\x8bnot compressed",
        b"BZnot compressed",
        b"\xfd7zXZ",
        b"PK\3\4",
        b"\x80\x04h\x07.",  # a memo that is empty
        b"\x80\x04t.",  # a tuple without a mark
        b"\x80\x02]\x94]\x93.",  # a name that is no text
        b"\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\x7f",  # a text that is larger than any file
    ],
)
def test_what_cannot_be_read_is_said_to_be_incomplete(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pkl").write_bytes(content)
    assert not modules_in(tmp_path / "x.pkl").is_complete


def test_a_damaged_file_says_what_was_read_before(tmp_path: Path) -> None:
    whole = io.BytesIO()
    joblib.dump([np.ones(100), OrderedDict()], whole)
    (tmp_path / "x.pkl").write_bytes(whole.getvalue()[:-40])
    found = modules_in(tmp_path / "x.pkl")
    assert "joblib.numpy_pickle" in found.names
    assert not found.is_complete


def test_a_tuple_of_many_tuples_is_read(tmp_path: Path) -> None:
    # Deeper than any recursion may be.
    (tmp_path / "x.pkl").write_bytes(b"\x80\x02)" + b"\x85" * 200_000 + b".")
    assert tops(tmp_path / "x.pkl") == set()


@pytest.mark.parametrize(
    ("path", "head", "is_read"),
    [
        ("model.pkl", b"weights", True),
        ("a/model.joblib", b"", True),
        ("model", b"\x80\x04\x95", True),
        ("model.sav", b"\x80\x02c", True),
        ("net.pt", b"PK\3\4", True),
        ("net.bin", b"weights", False),
        ("trees.ubj", b"{L\0\0", False),
        ("net.onnx", b"\x08\x09", False),
    ],
)
def test_which_files_are_read(path: str, head: bytes, is_read: bool) -> None:
    assert may_be_pickle(path, head) == is_read
