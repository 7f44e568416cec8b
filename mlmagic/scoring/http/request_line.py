"""The first line of a request: that its protocol is HTTP, which the parser does not tell.

httptools reads RTSP and ICE, too, as if they were HTTP. It tells neither the protocol nor the place where a
request begins. So it gets doubtful bytes in parts that end with a line: the part in which a request begins
then ends with the request's first line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlmagic.scoring.http.request_head import Refusal

_NAMES = (b"RTSP/", b"ICE/")
_find_other = re.compile(rb"(RTSP|ICE)/[0-9]\.[0-9]\r\n\Z").search
_split = re.compile(rb"(?<=\n)").split
_KEPT = 16
"""As much of a line as its last word can be long."""


def begins_as_http(data: bytes) -> bool:
    """Whether the first line in ``data`` is there, and names HTTP/1."""
    end = data.find(b"\r\n")
    return data[end - 8 : end - 1] == b"HTTP/1."


def names_others(data: bytes) -> bool:
    """Whether another protocol is named anywhere in ``data``."""
    return _NAMES[0] in data or _NAMES[1] in data


def parts(data: bytes, unfinished: bytes = b"") -> Sequence[bytes]:
    """``data`` in parts that end with a line; the last may end within one.

    ``unfinished``: the end of a first line that goes on in ``data``. What ``data`` has of it is a part of its
    own, and so is each line if ``data`` names another protocol.
    """
    if unfinished:
        first = data.find(b"\n") + 1
        return (data[:first], *parts(data[first:])) if 0 < first < len(data) else (data,)
    if names_others(data):
        return [line for line in _split(data) if line]
    last = data.rfind(b"\n") + 1
    return (data[:last], data[last:]) if 0 < last < len(data) else (data,)


def unfinished_line(before: bytes, part: bytes) -> bytes:
    """The end of the first line so far; nothing if it ends with ``part``. Raises `Refusal` unless it is HTTP.

    ``before``: the same of the parts before.
    """
    line = before + part[-_KEPT:]
    if part[-1:] != b"\n":
        return line[-_KEPT:]
    if other := _find_other(line):
        raise Refusal(400, f"The protocol {other[1].decode()} is not supported: this server speaks HTTP/1.1.")
    return b""
