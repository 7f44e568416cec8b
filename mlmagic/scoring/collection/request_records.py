"""The bodies of a request and its answer, as they are collected.

They are not read here: that is done off the request path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from mlmagic.scoring.http.request import query_as_json
from mlmagic.scoring.inputs.bodies import JSON
from mlmagic.scoring.observed_request import ObservedRequest

if TYPE_CHECKING:
    from mlmagic.scoring.http.request import Request
    from mlmagic.scoring.http.response import Response

Body = tuple[bytes, bytes | str, str]
"""The body of a request or an answer: its text, its content type, and why it is left out, or nothing."""
Bodies = tuple[bytes, bytes | str, str, bytes, bytes | str, str]
"""The `Body` of a request, and that of its answer."""
Fields = tuple[bytes, int, bytes, bytes | str, str, bytes, bytes | str, str]
"""What is collected of a request: its id, its time in nanoseconds since the epoch, and its `Bodies`."""

RECORDS = 2
"""Of a request: one of inputs, one of predictions."""
SCORED = frozenset([b"POST", b"GET"])
"""The methods of requests that are recorded."""
BODY_BYTES = 1 << 20
"""A longer body is left out."""
_LENGTH_OF_JSON = b"inference-header-content-length"


def asked(request: Request) -> Body:
    """The body of a request."""
    fields = request.fields
    kind = fields.get(b"content-type", b"")
    if request.method == b"GET":
        return query_as_json(request.query).encode(), JSON, ""
    if b"content-encoding" in fields:
        return b"", kind, f"compressed with {fields[b'content-encoding'].decode('latin-1')}"
    if _LENGTH_OF_JSON in fields:
        return b"", kind, "binary tensors"
    body = request.body if request.received is None else request.received
    return (body, kind, "") if len(body) <= BODY_BYTES else _too_long(body, kind)


def answered(response: Response) -> Body:
    """The body of an answer."""
    if response.is_stream:
        return b"", "", "a stream"
    body, kind = response.body, response.content_type
    return (body, kind, "") if len(body) <= BODY_BYTES else _too_long(body, kind)


def _too_long(body: bytes, kind: bytes | str) -> Body:
    return b"", kind, f"{len(body)} bytes, more than {BODY_BYTES}"


fields_of: Callable[[Sequence[Any]], Fields] = itemgetter(
    *map(ObservedRequest._fields.index, ("identity", "end")),
    *range(ObservedRequest._fields.index("sent"), len(ObservedRequest._fields)),
)
"""What is collected of an `ObservedRequest` with these fields."""


def weight_of(observed: Sequence[Any]) -> int:
    """The bytes of both bodies."""
    fields = fields_of(observed)
    return len(fields[2]) + len(fields[5])
