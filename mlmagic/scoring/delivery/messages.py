"""What a server and the process beside it send each other through pipes: plain values, with their length."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import msgspec

LENGTH = struct.Struct("<I")
# Several times as fast as pickle and marshal.
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def message(value: Any) -> bytes:
    """``value`` for a pipe. Raises `ValueError` if a part of it cannot be sent."""
    try:
        content = _encode(value)
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from None
    return LENGTH.pack(len(content)) + content


class Messages:
    """Puts together again what comes out of a pipe in pieces. Tuples come out as lists."""

    def __init__(self) -> None:
        self._pieces = bytearray()

    def read(self, piece: bytes) -> Iterator[Any]:
        """The values that are complete now."""
        pieces = self._pieces
        pieces += piece
        at = 0
        while len(pieces) >= at + LENGTH.size:
            end = at + LENGTH.size + LENGTH.unpack_from(pieces, at)[0]
            if len(pieces) < end:
                break
            with memoryview(pieces) as view:
                value = _decode(view[at + LENGTH.size : end])
            at = end
            yield value
        del pieces[:at]
