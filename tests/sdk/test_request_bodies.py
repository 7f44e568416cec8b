"""What may be the dataset of a profile."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

from mlmagic.errors import InvalidConfig, NotFound
from mlmagic.sdk.dataset import Dataset
from mlmagic.sdk.request_bodies import bodies

ONE = pandas.DataFrame({"sample": ['{"data": [1]}', "ü"]})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (ONE, [b'{"data": [1]}', "ü".encode()]),
        ([{"data": [1, 2]}, "text", b"\0"], [b'{"data":[1,2]}', b"text", b"\0"]),
        (numpy.array([[1, 2], [3, 4]]), [b"[1,2]", b"[3,4]"]),
        (pandas.Series(["a", "b"]), [b"a", b"b"]),
        ('{"data": [[1, 2]]}', [b'{"data": [[1, 2]]}']),
        (b"[1]", [b"[1]"]),
    ],
)
def test_rows_are_bodies(given: Any, expected: list[bytes]) -> None:
    assert bodies(given) == expected


def test_files_and_datasets(tmp_path: Path) -> None:
    ONE.to_csv(tmp_path / "rows.csv", index=False)
    expected = [b'{"data": [1]}', "ü".encode()]
    assert bodies(Dataset.Tabular.from_delimited_files(str(tmp_path / "rows.csv"))) == expected
    assert bodies(str(tmp_path / "rows.csv")) == expected
    (tmp_path / "rows.json").write_text('[{"a": 1}, 2]')
    assert bodies(tmp_path / "rows.json") == [b'{"a":1}', b"2"]
    (tmp_path / "rows.jsonl").write_text('{"a": 1}\n\n{"a": 2}\n')
    assert bodies(tmp_path / "rows.jsonl") == [b'{"a": 1}', b'{"a": 2}']


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ([], InvalidConfig, "must have at least one row"),
        (pandas.DataFrame({"a": ["1"], "b": ["2"]}), InvalidConfig, "must be one column of strings"),
        (pandas.DataFrame({"a": ["1", 2]}), InvalidConfig, "input_dataset 2 is not a string"),
        (7, InvalidConfig, "input_dataset 'int' must be a dataset"),
        ("nowhere.csv", NotFound, "Dataset file not found: 'nowhere.csv'"),
    ],
)
def test_what_cannot_be_a_dataset(given: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=re.escape(words)):
        bodies(given)


def test_a_broken_file(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text("[1,")
    with pytest.raises(InvalidConfig, match="is not JSON"):
        bodies(tmp_path / "rows.json")
