"""Request bodies that are compressed: `Content-Encoding` (RFC 9110, section 8.4).

The limit of a body is that of what it decodes to, and nothing is decoded beyond it.
"""

from __future__ import annotations

from typing import Any

from mlmagic.scoring.http.body_budget import BUDGET, HeldBytes
from mlmagic.scoring.http.request import BadInput, Busy, Request

HEADER = b"content-encoding"
ACCEPTED = b"Accept-Encoding: gzip, deflate\r\n"
"""A header of the answer to any other encoding."""
MOST = 4
"""Encodings of one body. Each may be as much work as the limit of a body is."""
SMALL = 8 * 1024
"""A body of this size is decoded in milliseconds, whatever it decodes to."""

SLICE = 64 * 1024
"""Bytes that are decoded at a time."""
MEMBERS = 4096
"""Most members of a gzip file. Each costs time, even if it is empty."""

_GZIP, _ZLIB, _RAW = 31, 15, -15
"""What zlib calls the formats, with windows of any size."""


class UnsupportedEncoding(BadInput):
    """The body has an encoding that is not decoded here."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=415, fields=ACCEPTED)


def encodings(value: bytes) -> list[str]:
    """The encodings of a header's ``value``, in the order in which they are undone. Raises `BadInput`."""
    names = [name for part in value.decode("latin-1").lower().split(",") if (name := part.strip())]
    found = ["gzip" if name == "x-gzip" else name for name in names if name != "identity"]
    for name in found:
        if name not in ("gzip", "deflate"):
            raise UnsupportedEncoding(
                f"Content-Encoding {name[:100]!r} is not supported: send gzip, deflate or no encoding."
            )
    if len(found) > MOST:
        raise UnsupportedEncoding(f"The body has {len(found)} encodings: at most {MOST} are supported.")
    return found[::-1]


def decode(request: Request) -> None:
    """Replace the body of ``request`` by what it decodes to. Raises `BadInput`."""
    body = request.body
    for name in encodings(request.fields[HEADER]):
        held = HeldBytes(BUDGET)
        body = decoded(body, name, BUDGET.each, held)
        request.held = held
    request.body = body
    del request.fields[HEADER]
    request.fields[b"content-length"] = b"%d" % len(body)


def decoded(body: bytes, encoding: str, limit: int, held: HeldBytes | None = None) -> bytes:
    """``body`` without ``encoding``, gzip or deflate, if that is within ``limit``. Raises `BadInput`.

    Each piece is counted in ``held`` as it is decoded.
    """
    if not body:
        return body
    import zlib

    try:
        if encoding == "gzip":
            return _members(body, _GZIP, limit, held)
        try:
            return _members(body, _ZLIB, limit, held, most=1)
        except zlib.error:
            # Many clients send deflate without the frame that the standard has for it.
            return _members(body, _RAW, limit, held, most=1)
    except zlib.error as error:
        raise BadInput(f"The body could not be decoded as {encoding}: {error}.") from None
    except EOFError:
        raise BadInput(f"The body could not be decoded as {encoding}: it is incomplete.") from None


def _members(body: bytes, window: int, limit: int, held: HeldBytes | None, most: int = MEMBERS) -> bytes:
    """All of ``body``; a gzip file may have several members, one after the other."""
    import zlib

    pieces: list[bytes] = []
    size, count, at = 0, 1, 0
    member: Any = zlib.decompressobj(window)
    view = memoryview(body)
    given: bytes | memoryview = b""
    while True:
        if not given:
            given = view[at : at + SLICE]
            at += len(given)
        piece = member.decompress(given, min(limit - size + 1, SLICE))
        if piece:
            size += len(piece)
            if size > limit:
                raise BadInput(BUDGET.too_large("decoded body"), status=413)
            if held is not None and not held.add(len(piece)):
                raise Busy
            pieces.append(piece)
        if not member.eof:
            given = member.unconsumed_tail
            if not given and not piece and at == len(body):
                raise EOFError
            continue
        # Whatever follows is copied for each member: so never more than a slice of it.
        given = member.unused_data
        if not given and at == len(body):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if count == most:
            raise zlib.error(f"more than {most} members" if most > 1 else "bytes follow its end")
        count += 1
        member = zlib.decompressobj(window)
