"""Tables as mini-batches: the rows, in their order, with the types that the whole file has."""

from __future__ import annotations

import io
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmagic.core.batch import BatchPlan
from mlmagic.engine.batch.inputs import Files, TableFile, mini_batches
from mlmagic.engine.batch.text_files import record_bounds
from mlmagic.errors import InvalidConfig, UsageError
from mlmagic.scoring.batch.tables import TableReader

CSV = {"sep": ",", "encoding": "utf8"}


def frames(folder: Path, table: Any, size: Any = "100", **plan: Any) -> list[pandas.DataFrame]:
    """The mini-batches of a table, as run() gets them."""
    made = BatchPlan(mini_batch_size=None if "partition_keys" in plan else size, **plan)
    tables = table if isinstance(table, list) else [table]
    with closing(TableReader()) as reader:
        return [reader.read(each.task["slices"]) for each in mini_batches(made, tables, folder / "rows")]


def together(parts: list[pandas.DataFrame]) -> pandas.DataFrame:
    """All rows; each part has the types of the first."""
    for part in parts:
        assert [*map(str, part.dtypes)] == [*map(str, parts[0].dtypes)]
    return pandas.concat(parts, ignore_index=True)


def csv_file(folder: Path, text: str, **options: Any) -> TableFile:
    file = folder / "rows.csv"
    file.write_text(text, encoding=options.get("encoding", "utf8"), newline="")
    return TableFile(str(file), "delimited", {**CSV, **options})


def test_parts_of_a_csv_file_are_the_file(tmp_path: Path) -> None:
    frame = pandas.DataFrame(
        {
            "whole": range(100),
            "gap": [None if number == 70 else number for number in range(100)],
            "text": [f'say "{number}",\nthen go' for number in range(100)],
            "code": ["7" if number < 90 else "x" for number in range(100)],
            "late": [None] * 95 + [True] * 5,
        }
    )
    table = csv_file(tmp_path, frame.to_csv(index=False))
    parts = frames(tmp_path, table)
    assert len(parts) > 10
    found = together(parts)
    assert str(found.dtypes["gap"]) == "float64"
    assert list(found["code"]) == list(frame["code"])  # text in every part, as one value is text
    expected = pandas.read_csv(table.path)
    pandas.testing.assert_frame_equal(found[["whole", "gap", "text"]], expected[["whole", "gap", "text"]])
    assert list(found["late"].dropna()) == [True] * 5


@pytest.mark.parametrize(
    ("text", "options", "rows"),
    [
        ("a,b\n1,2\n\n3,4", {}, [[1, 2], [3, 4]]),  # a blank line, and no line feed at the end
        ("\n\na,b\r\n1,2\r\n3,4\r\n", {}, [[1, 2], [3, 4]]),
        ("\ufeffa,b\n1,2\n", {}, [[1, 2]]),
        ("1;2\n3;4\n", {"sep": ";", "header": None}, [[1, 2], [3, 4]]),
        ("1,2\n3,4\n", {"header": None, "dtype": "str"}, [["1", "2"], ["3", "4"]]),
        ('"a\nb",c\n1,2\n', {}, [[1, 2]]),
        ("a,b\n1,2\n", {"encoding": "utf-16"}, [[1, 2]]),  # read whole
    ],
)
def test_forms_of_csv(tmp_path: Path, text: str, options: dict[str, Any], rows: Any) -> None:
    table = csv_file(tmp_path, text, **options)
    parts = frames(tmp_path, table, "1")
    assert len(parts) == len(rows)
    found = together(parts)
    assert found.to_numpy().tolist() == rows
    if options.get("header", 0) is None:
        assert [*found.columns] == ["Column1", "Column2"]


def test_a_compressed_file_is_read_whole(tmp_path: Path) -> None:
    pandas.DataFrame({"a": range(50)}).to_csv(tmp_path / "rows.csv.gz", index=False)
    found = together(frames(tmp_path, TableFile(str(tmp_path / "rows.csv.gz"), "delimited", CSV)))
    assert list(found["a"]) == [*range(50)]


@pytest.mark.parametrize("text", ["a,b\n1,2\n3,4,5\n", "a,b\n1,2,3\n4,5,6\n"])
def test_a_record_with_too_many_values_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"rows.csv cannot be read"):
        frames(tmp_path, csv_file(tmp_path, text), "1")


def test_json_lines(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [{"a": number, "b": "x\ny"} for number in range(30)]
    records[20] = {"a": 1.5, "c": True}
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in records))
    found = together(
        frames(tmp_path, TableFile(str(file), "json lines", {"lines": True, "encoding": "utf8"}))
    )
    assert [*found.columns] == ["a", "b", "c"]
    assert (found["a"][20], found["b"][3], found["c"][20]) == (1.5, "x\ny", True)
    assert len(found) == 30


@pytest.mark.parametrize("row_group", [7, 100])
@pytest.mark.parametrize("size", ["80", "500"])
def test_parquet(tmp_path: Path, row_group: int, size: str) -> None:
    frame = pandas.DataFrame({"a": range(50), "b": [str(number) for number in range(50)], "c": 0.5})
    file = tmp_path / "rows.parquet"
    frame.to_parquet(file, row_group_size=row_group)
    table = TableFile(str(file), "parquet", steps=[["drop", ["c"]]], added={"year": "2026"})
    parts = frames(tmp_path, table, size)
    assert len(parts) > 1
    expected = frame.drop(columns="c").assign(year="2026")
    pandas.testing.assert_frame_equal(together(parts), expected)


def test_a_mini_batch_of_a_row_group_can_be_read_again(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"a": range(50)})
    frame.to_parquet(tmp_path / "rows.parquet")
    parts = mini_batches(
        BatchPlan(mini_batch_size="100"), [TableFile(str(tmp_path / "rows.parquet"), "parquet")], tmp_path
    )
    with closing(TableReader()) as reader:
        for number in (3, 0, 1, 1, 2):
            first = parts[number].task["slices"][0]["start"]
            assert reader.read(parts[number].task["slices"])["a"][0] == first


def test_a_url_that_fsspec_knows(tmp_path: Path) -> None:
    import fsspec

    sink = io.BytesIO()
    pandas.DataFrame({"a": range(5)}).to_parquet(sink)
    with fsspec.open("memory://rows.parquet", "wb") as file:
        file.write(sink.getvalue())
    found = frames(tmp_path, TableFile("memory://rows.parquet", "parquet"))
    assert list(together(found)["a"]) == [*range(5)]


def test_partition_keys_gather_rows_of_all_files(tmp_path: Path) -> None:
    one = pandas.DataFrame({"town": ["a", "b", None], "x": [1, 2, 3]})
    two = pandas.DataFrame({"town": ["b", "a", None], "x": [4, 5, 6]})
    two.to_parquet(tmp_path / "two.parquet")
    plan = BatchPlan(partition_keys=("town",))
    tables = [one, TableFile(str(tmp_path / "two.parquet"), "parquet")]
    found = mini_batches(plan, tables, tmp_path / "rows")
    assert [each.task["context"]["partition"] for each in found] == [
        {"town": "a"},
        {"town": "b"},
        {"town": None},
    ]
    with closing(TableReader()) as reader:
        assert [[*reader.read(each.task["slices"])["x"]] for each in found] == [[1, 5], [2, 4], [3, 6]]
    with pytest.raises(InvalidConfig, match="partition_keys 'city' is not a column"):
        mini_batches(BatchPlan(partition_keys=("city",)), tables, tmp_path / "rows")


def test_partition_keys_of_files(tmp_path: Path) -> None:
    files = Files(
        ["u1/x", "u2/y", "u1/z"], {"u1/x": {"user": "1"}, "u2/y": {"user": "2"}, "u1/z": {"user": "1"}}
    )
    found = mini_batches(BatchPlan(partition_keys=("user",)), files, tmp_path)
    assert [each.task["files"] for each in found] == [["u1/x", "u1/z"], ["u2/y"]]
    with pytest.raises(
        InvalidConfig, match=r"'season' is not in the partition_format .* which has \['user'\]"
    ):
        mini_batches(BatchPlan(partition_keys=("season",)), files, tmp_path)


@given(
    st.lists(
        st.lists(st.text(st.sampled_from('ab",\n\r é'), max_size=6), min_size=2, max_size=2), min_size=1
    ),
    st.integers(1, 40),
)
def test_parts_end_where_records_end(records: list[list[str]], size: int) -> None:
    frame = pandas.DataFrame(records)
    text = frame.to_csv(index=False, header=False, quoting=1).encode()
    parts = list(record_bounds(io.BytesIO(text), 0, size, b'"'))
    assert parts[0][0] == 0
    assert [begin for begin, _ in parts[1:]] == [end for _, end in parts[:-1]]
    assert parts[-1][1] == len(text)
    assert all(text[begin:end].count(b'"') % 2 == 0 for begin, end in parts)
    assert all(end - begin >= size for begin, end in parts[:-1])


def test_parts_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlmagic.engine.batch.text_files._BLOCK", 7)
    text = b'"a\nb",1\n' * 20
    parts = list(record_bounds(io.BytesIO(text), 0, 20, b'"'))
    assert {end - begin for begin, end in parts} <= {24, len(text) % 24}
    assert parts[-1][1] == len(text)
    assert numpy.all([begin % 8 == 0 for begin, _ in parts])
