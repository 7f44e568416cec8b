"""How the items of a stream become bytes.

Accept: text/event-stream       server-sent events, one per item, JSON in each
Accept: application/x-ndjson    a line of JSON per item
items of bytes                  the bytes themselves
otherwise                       a JSON array that grows
"""

from __future__ import annotations

from typing import Any, Protocol

from mlmagic.scoring.http.request import Request
from mlmagic.scoring.http.response import chunk_bytes
from mlmagic.scoring.outputs.json_encoder import JSON, encode

EVENTS = "text/event-stream"
LINES = "application/x-ndjson"
BYTES = "application/octet-stream"


class Format(Protocol):
    """How items become bytes."""

    content_type: str

    def item(self, value: Any, first: bool) -> bytes: ...
    def end(self, empty: bool) -> bytes: ...
    def failure(self, message: bytes) -> bytes: ...


class Array:
    """A JSON array."""

    content_type = JSON

    def item(self, value: Any, first: bool) -> bytes:
        return (b"[" if first else b",") + encode(value)

    def end(self, empty: bool) -> bytes:
        return b"[]" if empty else b"]"

    def failure(self, message: bytes) -> bytes:
        return b""


class Lines(Array):
    """JSON, an item a line."""

    content_type = LINES

    def item(self, value: Any, first: bool) -> bytes:
        return encode(value) + b"\n"

    def end(self, empty: bool) -> bytes:
        return b""


class Events(Lines):
    """Server-sent events."""

    content_type = f"{EVENTS}; charset=utf-8"

    def item(self, value: Any, first: bool) -> bytes:
        return b"data: %s\n\n" % encode(value)

    def failure(self, message: bytes) -> bytes:
        return b"event: error\ndata: %s\n\n" % message


class Raw(Lines):
    """Bytes as they are."""

    content_type = BYTES

    def item(self, value: Any, first: bool) -> bytes:
        return bytes(value)


class Chunks(Lines):
    """The pieces of a body, text or bytes, as they are."""

    def item(self, value: Any, first: bool) -> bytes:
        return chunk_bytes(value)


def format_of(request: Request, first: Any) -> Format:
    """The format that the client accepts; bytes are sent as bytes."""
    wanted = request.fields.get(b"accept", b"")
    if EVENTS.encode() in wanted:
        return Events()
    if LINES.encode() in wanted or b"application/jsonl" in wanted:
        return Lines()
    return Raw() if isinstance(first, bytes | bytearray | memoryview) else Array()
