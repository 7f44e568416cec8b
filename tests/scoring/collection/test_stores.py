"""Files of collected rows: none torn, none written twice."""

from __future__ import annotations

import csv
import errno
import os
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest

from mlmagic.scoring.collection import stores
from mlmagic.scoring.collection.entries import Entry
from mlmagic.scoring.collection.settings import CollectionSettings
from mlmagic.scoring.collection.stores import Batch, batches_of, store_of


def entry(*rows: list[Any], header: tuple[str, ...] = ("a", "b")) -> Entry:
    return Entry("modeldata/day", "inputs", header, rows)


def batch(*rows: list[Any]) -> Batch:
    (made,) = batches_of([entry(*rows)])
    return made


def read(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_entries_of_one_file_are_one_batch() -> None:
    other = entry([1], header=("a",))
    first, second = batches_of([entry([1, 2]), other, entry([3, 4])])
    assert first.rows == [[1, 2], [3, 4]]
    assert second.rows == [[1]]


@pytest.mark.parametrize(
    "torn", ["5,", '5,"six', '5,"a\nb', '5,"a\n""b""\n,'], ids=["value", "quoted", "line in quotes", "quotes"]
)
def test_what_a_killed_writer_left_is_removed(tmp_path: Path, torn: str) -> None:
    store = store_of(CollectionSettings(storage=str(tmp_path)))
    store.write(batch([1, 'x "quoted"\nsecond line']))
    path = tmp_path / "modeldata/day/inputs.csv"
    with path.open("a", encoding="utf-8") as file:
        file.write(torn)
    store.write(batch([7, 8]))
    assert read(path) == [["a", "b"], ["1", 'x "quoted"\nsecond line'], ["7", "8"]]


def test_a_full_disk_leaves_no_part_of_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of(CollectionSettings(storage=str(tmp_path)))
    store.write(batch([1, 2]))
    write, full = os.write, []

    def part(descriptor: int, contents: Any) -> int:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        full.append(True)
        return write(descriptor, contents[:3])

    monkeypatch.setattr(stores.os, "write", part)
    again = batch([3, 4])
    with pytest.raises(OSError, match="No space"):
        store.write(again)
    monkeypatch.undo()
    store.write(again)
    assert read(tmp_path / "modeldata/day/inputs.csv") == [["a", "b"], ["1", "2"], ["3", "4"]]


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("place", ["folder", "memory"])
def test_each_batch_is_a_file_that_a_second_attempt_replaces(tmp_path: Path, form: str, place: str) -> None:
    url = str(tmp_path) if place == "folder" else f"memory://{tmp_path.name}"
    settings = CollectionSettings(storage=url, form=form)
    store = store_of(settings)
    first = batch([1, "x"], [2, None])
    for each in (first, first, batch([3, "y"])):
        store.write(each)
    files, root = fsspec.core.url_to_fs(url)
    found = sorted(files.find(root))
    if settings.appends:
        assert [path.rpartition("/")[2] for path in found] == ["inputs.csv"]
        return
    assert len(found) == 2
    tables = []
    for path in found:
        with files.open(path, "rb") as file:
            tables.append(pd.read_parquet(file) if form == "parquet" else pd.read_csv(file))
    table = pd.concat(tables)
    assert table["a"].tolist() == [1, 2, 3]
    assert table["b"].fillna("none").tolist() == ["x", "none", "y"]


def test_parquet_keeps_types_and_writes_mixed_ones_as_text(tmp_path: Path) -> None:
    store = store_of(CollectionSettings(storage=str(tmp_path), form="parquet"))
    rows = [[1, 1.5, True, {"x": 1}], [None, 2.5, False, "text"]]
    store.write(*batches_of([entry(*rows, header=("int", "float", "bool", "mixed"))]))
    (path,) = (tmp_path / "modeldata/day").iterdir()
    table = pd.read_parquet(path, dtype_backend="numpy_nullable")
    assert [str(kind) for kind in table.dtypes][:3] == ["Int64", "Float64", "boolean"]
    assert table["mixed"].tolist() == ['{"x": 1}', "text"]
