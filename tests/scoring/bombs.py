"""Bodies of few bytes that stand for many: each takes half a gigabyte and more where nothing stops it."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa

from mlmagic.scoring.inputs.bodies import ARROW_FILE, ARROW_STREAM, CSV, NPY

MILLION = 1_000_000


def arrow(table: Any, *, file: bool = False, codec: str | None = "zstd") -> bytes:
    sink = BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=codec)
    with (pa.ipc.new_file if file else pa.ipc.new_stream)(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue()


def npy(shape: tuple[int, ...], descr: str = "<f8", data: bytes = b"") -> bytes:
    sink = BytesIO()
    np.lib.format.write_array_header_1_0(sink, {"descr": descr, "fortran_order": False, "shape": shape})
    return sink.getvalue() + data


def multipart(**files: tuple[bytes, str]) -> bytes:
    body = b""
    for name, (content, kind) in files.items():
        head = f'Content-Disposition: form-data; name="{name}"; filename="f"\r\nContent-Type: {kind}'
        body += b"--X\r\n%b\r\n\r\n%b\r\n" % (head.encode(), content)
    return body + b"--X--\r\n"


def repeated_batch(times: int) -> bytes:
    """A file whose footer lists the same batch many times."""
    small, large = (pa.record_batch([pa.array(np.zeros(size))], names=["data"]) for size in (1, 100_000))
    sink = BytesIO()
    with pa.ipc.new_file(sink, small.schema) as writer:
        for batch in (*[small] * times, large):
            writer.write_batch(batch)
    body = sink.getvalue()
    # The footer ends in blocks of 24 bytes: where a batch is, and the lengths of its two parts.
    blocks = len(body) - 10 - int.from_bytes(body[-10:-6], "little")
    first = body.index((len(body[: body.index(b"\xff" * 4, 16)])).to_bytes(8, "little"), blocks)
    end = first + 24 * times
    return body[:first] + body[end : end + 24] * times + body[end:]


def tensor(shape: list[int], datatype: str = "UINT8") -> bytes:
    data = {
        "name": "data",
        "shape": shape,
        "datatype": datatype,
        "data": [1] * (0 if 0 in shape else shape[0]),
    }
    return json.dumps({"inputs": [data]}).encode()


def json_bodies() -> Iterator[tuple[str, bytes]]:
    yield "empty lists", b"[" + b"[]," * MILLION + b"[]]"
    yield "objects of one key", b'[{"a":0}' + b',{"a":0}' * 400_000 + b"]"
    yield "one long text among short ones", json.dumps(["x" * 20_000, *["y"] * 20_000]).encode()
    yield "one long row among short ones", json.dumps([[1] * 10_000, *[[1]] * 10_000]).encode()
    yield "objects without a common key", json.dumps([{f"a{n}": 1} for n in range(10_000)]).encode()
    names = list(range(10_000))
    yield (
        "a table without data",
        json.dumps({"data": {"columns": names, "index": names, "data": []}}).encode(),
    )
    yield "columns of objects", json.dumps({"data": {f"a{n}": {f"b{n}": 1} for n in range(10_000)}}).encode()


def arrow_bodies() -> Iterator[tuple[str, bytes]]:
    zeros = pa.table({"data": np.zeros(70 * MILLION)})
    for codec in ("zstd", "lz4"):
        yield f"zeros in {codec}", arrow(zeros, codec=codec)
        yield f"zeros in {codec}, a file", arrow(zeros, file=True, codec=codec)
    text = pa.array(["x" * 400 * MILLION]).dictionary_encode()
    yield "a dictionary", arrow(pa.table({"data": text}))
    yield "nulls", arrow(pa.table({"data": pa.nulls(500 * MILLION)}))
    bits = pa.array(np.zeros(70 * MILLION, bool), mask=np.ones(70 * MILLION, bool))
    yield "truth values that are missing", arrow(pa.table({"data": bits}))
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([500 * MILLION], pa.int32()), pa.array([1.5]))
    yield "one run", arrow(pa.table({"data": runs}))
    yield "empty lists", arrow(pa.table({"data": pa.ListArray.from_arrays(np.zeros(8 * MILLION, "i4"), [])}))
    yield "a batch many times", repeated_batch(700)


def bombs() -> Iterator[tuple[str, dict[str, str], bytes]]:
    """Name, headers and body."""
    spaces = b" " * (500 * MILLION)
    for name, encode in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        yield name, {"Content-Encoding": name}, encode(spaces)
    yield "gzip in gzip", {"Content-Encoding": "gzip, gzip"}, gzip.compress(gzip.compress(spaces))
    for name, body in json_bodies():
        yield f"JSON: {name}", {"Content-Type": "application/json"}, body
    for name, body in arrow_bodies():
        kind = ARROW_FILE if body.startswith(b"ARROW1") else ARROW_STREAM
        yield f"Arrow: {name}", {"Content-Type": kind}, body
    few = arrow(pa.table({"data": np.zeros(400_000)}))
    form = multipart(**{f"file{n}": (few, ARROW_STREAM) for n in range(200)})
    yield "200 files of one form", {"Content-Type": "multipart/form-data; boundary=X"}, form
    yield "npy: empty rows", {"Content-Type": NPY}, npy((500 * MILLION, 0))
    yield "CSV: short lines", {"Content-Type": CSV}, b"a," * 10_000 + b"a\n" + b"0\n" * 10_000
    yield "CSV: many columns", {"Content-Type": CSV}, b"," * (2 * MILLION)
