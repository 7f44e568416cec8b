"""How much memory an Arrow body takes once it is read, known before it is.

The lengths are in the metadata of its messages, and before each compressed buffer: pyarrow allocates as many
bytes as stand there. The metadata are FlatBuffers, whose few fields that matter are read here.
Sources: the Arrow columnar format (IPC), its Message.fbs and File.fbs, and the FlatBuffers internals.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

from mlmagic.scoring.inputs.body_size import CELL, COLUMN

FILE = b"ARROW1"

_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3
_NUMBER, _OBJECT = CELL, 100
"""Bytes in pandas: of a number or a pointer, and of a list or a Decimal."""


@dataclass(frozen=True, slots=True)
class ArrowSize:
    """Bytes of memory."""

    buffers: int
    """What the buffers of all batches are unpacked to."""
    values: int
    """What the rows take as a table of pandas. A column of nulls has rows, and no buffer."""


def arrow_size(body: bytes) -> ArrowSize:
    """The size of a stream or a file. Raises an exception of any type for what is no such body."""
    import pyarrow

    is_file = body.startswith(FILE)
    opened = pyarrow.ipc.open_file if is_file else pyarrow.ipc.open_stream
    with opened(pyarrow.BufferReader(body)) as reader:
        weights = [weight for field in reader.schema for weight in _weights(field.type)]
    buffers, values = 0, COLUMN * len(weights)
    for header, content, of in _of_file(body, weights) if is_file else _of_stream(body, weights):
        buffers += _buffers_size(header, content)
        values += _rows_size(header, of)
    return ArrowSize(buffers, values)


def _weights(kind: Any) -> Iterator[int]:
    """Bytes of a row of ``kind``, and of each type within it, in the order of a batch."""
    import pyarrow

    types = pyarrow.types
    plain = types.is_primitive(kind) or types.is_boolean(kind) or types.is_dictionary(kind)
    yield _NUMBER if plain and not types.is_date(kind) else _OBJECT
    for place in range(kind.num_fields):
        yield from _weights(kind.field(place).type)


Batches = Iterator[tuple["_Table", memoryview, list[int]]]
"""Metadata, buffers, and the bytes of a row of each column, if they are known."""


def _of_stream(body: bytes, weights: list[int]) -> Batches:
    import pyarrow

    for message in pyarrow.ipc.MessageReader.open_stream(pyarrow.BufferReader(body)):
        header = _batch(memoryview(message.metadata))
        if header is not None:
            content = memoryview(b"" if message.body is None else message.body)
            yield header, content, weights if message.type == "record batch" else []


def _of_file(body: bytes, weights: list[int]) -> Batches:
    """A footer lists the batches, perhaps one of them many times."""
    view = memoryview(body)
    (length,) = struct.unpack_from("<i", view, len(view) - len(FILE) - 4)
    end = len(view) - len(FILE) - 4
    if not 0 < length <= end:
        raise ValueError("the footer has no valid length")
    footer = _Table.root(view[end - length : end])
    for field in (_DICTIONARY_BATCH, _RECORD_BATCH):  # their numbers in a footer are the same
        for start, metadata_length, content_length in footer.structs(field, "<qi4xq"):
            # The metadata begin with a marker and their length; files of old versions have no marker.
            marker, size = struct.unpack_from("<Ii", view, start) if start >= 0 else (0, 0)
            skip = 8 if marker == 0xFFFFFFFF else 4
            size = size if skip == 8 else marker
            content = start + metadata_length
            if start < 0 or skip + size != metadata_length or not 0 <= content_length <= len(view) - content:
                raise ValueError("the footer does not fit the batches")
            header = _batch(view[start + skip : content])
            if header is None:
                raise ValueError("the footer lists what is no batch")
            yield header, view[content : content + content_length], weights if field == _RECORD_BATCH else []


def _batch(metadata: memoryview) -> _Table | None:
    """The record batch in a message; None if the message is another one."""
    message = _Table.root(metadata)
    kind = message.number(1, "<B")
    if kind not in (_DICTIONARY_BATCH, _RECORD_BATCH):
        return None
    header = message.table(2)
    if header is not None and kind == _DICTIONARY_BATCH:
        header = header.table(1)
    if header is None:
        raise ValueError("a message has no batch")
    return header


def _buffers_size(header: _Table, content: memoryview) -> int:
    """The bytes that the buffers of a batch are unpacked to."""
    compressed = header.table(3) is not None
    size = 0
    for start, length in header.structs(2, "<qq"):
        if length and not (start >= 0 < length <= len(content) - start):
            raise ValueError("a buffer is outside of its batch")
        if length and compressed:
            (unpacked,) = struct.unpack_from("<q", content, start)
            # -1: this buffer is not compressed after all.
            length = length - 8 if unpacked == -1 else unpacked
            if length < 0:
                raise ValueError("a buffer has a negative length")
        size += length
    return size


def _rows_size(header: _Table, weights: list[int]) -> int:
    rows = header.number(0, "<q")
    size = _NUMBER * rows
    for (length, _), weight in zip(header.structs(1, "<qq"), chain(weights, repeat(_OBJECT)), strict=False):
        if length < 0 or rows < 0:
            raise ValueError("a batch has a negative length")
        size += length * weight
    return size


class _Table:
    """A table of FlatBuffers; its fields are known by their numbers."""

    def __init__(self, data: memoryview, at: int) -> None:
        self._data = data
        self._at = at
        (back,) = self._read("<i", at)
        self._fields = at - back
        (self._end,) = self._read("<H", self._fields)

    @classmethod
    def root(cls, data: memoryview) -> _Table:
        (at,) = struct.unpack_from("<I", data, 0)
        return cls(data, at)

    def number(self, field: int, form: str) -> int:
        at = self._place(field)
        return int(self._read(form, at)[0]) if at else 0

    def table(self, field: int) -> _Table | None:
        at = self._place(field)
        return _Table(self._data, at + self._read("<I", at)[0]) if at else None

    def structs(self, field: int, form: str) -> Iterator[tuple[int, ...]]:
        """The items of a vector of structs."""
        at = self._place(field)
        if not at:
            return
        at += self._read("<I", at)[0]
        (count,) = self._read("<I", at)
        size = struct.calcsize(form)
        if count * size > len(self._data) - at - 4:
            raise ValueError("a vector is longer than its message")
        yield from struct.iter_unpack(form, self._data[at + 4 : at + 4 + count * size])

    def _place(self, field: int) -> int:
        """Where a field is; 0 if it is left out."""
        entry = 4 + 2 * field
        if entry + 2 > self._end:
            return 0
        offset = int(self._read("<H", self._fields + entry)[0])
        return self._at + offset if offset else 0

    def _read(self, form: str, at: int) -> tuple[Any, ...]:
        if at < 0:
            raise ValueError("an offset is outside of its message")
        return struct.unpack_from(form, self._data, at)
