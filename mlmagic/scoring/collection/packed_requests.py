"""What is kept of a request until it is recorded. It is not read here: that is done off the request path."""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING

from mlmagic.scoring.http.request import query_as_json
from mlmagic.scoring.inputs.bodies import JSON

if TYPE_CHECKING:
    from mlmagic.scoring.collection.entries import Entry
    from mlmagic.scoring.http.request import Request
    from mlmagic.scoring.http.response import Response

    Record = Entry | bytes
    """Bytes are a packed request."""

RECORDS = 2
"""Of a request: one of inputs, one of predictions."""
_LENGTH_OF_JSON = b"inference-header-content-length"

_Fields = tuple[bytes, bytes | str, str]
"""Those of a `Body`. On the request path a plain tuple is made in a tenth of the time."""


def asked(request: Request) -> _Fields:
    """The body of a request as it was received, before the script has it."""
    if request.method == b"GET":
        return query_as_json(request.query).encode(), JSON, ""
    fields = request.fields
    kind = fields.get(b"content-type", b"")
    if b"content-encoding" in fields:
        return b"", kind, f"compressed with {fields[b'content-encoding'].decode('latin-1')}"
    if _LENGTH_OF_JSON in fields:
        return b"", kind, "binary tensors"
    return request.body, kind, ""


def answered(response: Response) -> _Fields:
    """The body of an answer."""
    if response.is_stream:
        return b"", "", "a stream"
    return response.body, response.content_type, ""


def packed(identity: str, when: float, asked: _Fields, answered: _Fields) -> bytes:
    """The fields of a `ScoredRequest` in one piece, as they are queued and sent to the process that writes.

    While many wait, each is one object, which the garbage collection does not visit. Both processes have the
    same Python, so they have the same `marshal`.
    """
    return marshal.dumps((identity, when, *asked, *answered))


def is_recorded(request: Request, status: int) -> bool:
    """Whether a request is recorded: one that was scored, without an error."""
    return request.method in (b"POST", b"GET") and 200 <= status < 300


def records_of(record: Record) -> int:
    """How many it counts as."""
    return RECORDS if isinstance(record, bytes) else record.records
