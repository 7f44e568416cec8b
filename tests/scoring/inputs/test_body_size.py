"""The memory of bodies, from their metadata or at a glance, before they are read."""

import contextlib
import json
import struct

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlmagic.scoring.http.request import BadInput
from mlmagic.scoring.inputs.arrow_size import arrow_size
from mlmagic.scoring.inputs.bodies import ARROW_FILE, ARROW_STREAM, read_value
from mlmagic.scoring.inputs.body_size import (
    CELL,
    COLUMN,
    BodySize,
    check_shape,
    check_text_array,
    csv_size,
    frame_size,
    json_size,
    nested_size,
    npy_size,
)
from mlmagic.scoring.limits import BODY
from tests.scoring.bombs import arrow, npy, repeated_batch

pytestmark = pytest.mark.together

TABLES = {
    "numbers": pa.table({"a": np.arange(1000.0), "b": pa.array([True, None] * 500)}),
    "text": pa.table({"a": ["x", "yy", None]}),
    "nothing": pa.table({"a": pa.array([], pa.int64())}),
    "no columns": pa.table({}),
    "lists": pa.table({"a": [[1, 2], [], None]}),
    "a dictionary": pa.table({"a": pa.array(["x", "y", "x"]).dictionary_encode()}),
    "structs": pa.table({"a": [{"b": 1, "c": "x"}]}),
    "views": pa.table({"a": pa.array(["a long text of many letters"], pa.string_view())}),
}


@pytest.mark.parametrize("codec", [None, "lz4", "zstd"])
@pytest.mark.parametrize("file", [False, True])
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_an_arrow_body_is_unpacked_to_what_its_metadata_say(table, file, codec):
    body = arrow(table, file=file, codec=codec)
    size = arrow_size(body)
    read = (pa.ipc.open_file if file else pa.ipc.open_stream)(body).read_all()
    # Each buffer is filled up to a multiple of 8 bytes, and there is one for what is not null.
    assert read.nbytes <= size.buffers + 8 <= read.nbytes + 2000
    frame = read.to_pandas()
    assert size.values >= frame.memory_usage(index=False).sum()
    kind = ARROW_FILE if file else ARROW_STREAM
    pd.testing.assert_frame_equal(read_value(kind, {}, body), frame)


def test_a_batch_counts_each_time_it_is_listed():
    assert arrow_size(repeated_batch(700)).buffers == 701 * 800_000


@pytest.mark.parametrize("length", [-2, 2**62, -(2**62)])
@pytest.mark.parametrize("file", [False, True])
def test_a_length_that_is_a_lie_is_refused(length, file):
    body = arrow(pa.table({"a": np.zeros(100_000)}), file=file)
    at = body.rindex(struct.pack("<q", 800_000))  # before the compressed buffer
    with pytest.raises(BadInput) as refusal:
        read_value(ARROW_STREAM, {}, body[:at] + struct.pack("<q", length) + body[at + 8 :])
    assert refusal.value.status == (413 if length > 0 else 400)


@pytest.mark.parametrize("file", [False, True])
def test_a_broken_arrow_body_is_an_error_of_the_client(file):
    body = arrow(pa.table({"a": np.arange(10.0), "b": ["x"] * 10}), file=file)
    for at in range(len(body)):
        for letter in (0, 0x7F, 0xFF):
            broken = body[:at] + bytes([letter]) + body[at + 1 :]
            with contextlib.suppress(BadInput):
                read_value(ARROW_STREAM, {}, broken)


@pytest.mark.parametrize(
    ("value", "cells"),
    [
        ([[1, 2], [3]], 4),
        ([{"a": 1}, {"b": 2}, {"c": 3}], 9),
        ({"a": [1, 2, 3]}, 3),
        ({"a": {"x": 1}, "b": {"y": 1}}, 4),
        ({"columns": list("abc"), "index": [1, 2], "data": []}, 6),
        ({"columns": list("ab"), "data": [[1, 2]] * 5}, 10),
        ({"schema": {"fields": [{}] * 4}, "data": [{}] * 4}, 16),
        ([], 0),
        ("text", 1),
    ],
)
def test_a_table_has_as_many_cells_as_pandas_makes(value, cells):
    size = frame_size(value)
    columns = size // COLUMN if size >= COLUMN else 0
    assert size - columns * COLUMN in (CELL * cells, CELL * max(cells, 1))


@pytest.mark.parametrize(
    ("body", "columns", "rows"),
    [
        (b"a,b\n1,2\n", 2, 3),
        (b"a\n1,2\n", 2, 3),
        (b'"a\nb",c\r\n1,2\r\n', 2, 4),
        (b"a,b\r1,2", 2, 2),
        (b"", 0, 1),
        (b"a," * 600_000 + b"\n1", 600_001, 2),
    ],
)
def test_a_csv_file_has_the_columns_of_its_first_lines(body, columns, rows):
    assert csv_size(body) == columns * (COLUMN + rows * CELL)


@pytest.mark.parametrize(("shape", "descr"), [((3,), "<f8"), ((2, 3), "<U5"), ((), "|b1"), ((0, 5), "<i4")])
def test_an_array_takes_what_its_header_says(shape, descr):
    size = int(np.prod(shape)) * np.dtype(descr).itemsize
    assert npy_size(npy(shape, descr, bytes(size))) == size


@pytest.mark.parametrize(("shape", "descr"), [((3,), "<f8"), ((10**9, 10**9), "|u1"), ((5,), "|S0")])
def test_an_array_whose_values_are_not_there_is_refused(shape, descr):
    with pytest.raises(ValueError, match="its"):
        npy_size(npy(shape, descr))


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (check_shape, [10**9, 0]),
        (check_text_array, ["x" * 10**6, *"y" * 1000]),
        (check_text_array, [["x" * 10**6], *[["y"]] * 1000]),
        (BodySize().check_values, 2 * 10**9),
        (BodySize().check_unpacked, 2 * 10**9),
    ],
)
def test_what_is_too_large_names_the_limit_and_how_to_raise_it(check, value):
    with pytest.raises(BadInput, match=rf" \d+ bytes.*{BODY}") as refusal:
        check(value)
    assert refusal.value.status == 413


@pytest.mark.parametrize("value", [["x" * 10**6, "y"], [[1.5] * 100] * 100, [], [[]], 5, [["a"], [1, None]]])
def test_an_array_that_is_not_too_large(value):
    check_text_array(value)


def test_the_files_of_a_form_count_together(small_bodies):
    small_bodies(100)
    size = BodySize()
    size.check_unpacked(60)
    with pytest.raises(BadInput, match="The unpacked body of 120 bytes exceeds the limit of 100 bytes"):
        size.check_unpacked(60)


@pytest.mark.parametrize(
    ("shape", "lists"), [((3,), 1), ((2, 3), 3), ((2, 3, 4), 9), ((2, 1, 1), 5), ((), 1)]
)
def test_an_array_as_lists(shape, lists):
    assert nested_size(shape) == 88 * lists + 20 * int(np.prod(shape))


@pytest.mark.parametrize("value", [[[]] * 10_000, [{"a": 0}] * 10_000, [[1, 2, 3]] * 10_000])
def test_json_is_not_taken_for_less_than_it_is(value):
    import sys

    found = json.loads(json.dumps(value))
    taken = sum(sys.getsizeof(each) + 16 for each in found) + sys.getsizeof(found)
    assert taken <= 1.3 * json_size(json.dumps(value).encode())


SHIMS = """
import numpy, pandas
from inference_schema.schema_decorators import input_schema
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
@input_schema("data", {})
def run(data): return len(data)
"""


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("NumpyParameterType(numpy.array(['x']))", ["x" * 10_000, *"y" * 10_000]),
        ("PandasParameterType(pandas.DataFrame({'a': [1]}))", [{f"a{n}": 1} for n in range(10_000)]),
        (
            "PandasParameterType(pandas.DataFrame({'a': [1]}), orient='split')",
            {"columns": list(range(10_000)), "index": list(range(10_000)), "data": []},
        ),
    ],
)
def test_a_parameter_with_a_schema_is_checked(ask, make_script, small_bodies, kind, value):
    small_bodies(10**6)
    body = json.dumps({"data": value}).encode()
    answer = ask(make_script(SHIMS.format(kind)), body=body, content_type=b"application/json")
    assert (answer.status, BODY.encode() in answer.body) == (413, True), answer.body
