"""The bodies of a request and its answer, as they are collected.

They are not read here: that is done off the request path.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from mlmagic.scoring.http.request import query_as_json
from mlmagic.scoring.inputs.bodies import JSON
from mlmagic.scoring.observed_request import BodyFields, ObservedRequest

if TYPE_CHECKING:
    from mlmagic.scoring.http.request import Request
    from mlmagic.scoring.http.response import Response

Fields = tuple[bytes, float, bytes, bytes | str, str, bytes, bytes | str, str]
"""What is collected of a request: its id, its time in seconds since the epoch, the `BodyFields` of both."""

RECORDS = 2
"""Of a request: one of inputs, one of predictions."""
SCORED = frozenset([b"POST", b"GET"])
"""The methods of requests that are recorded."""
BODY_BYTES = 1 << 20
"""A longer body is left out."""
_LENGTH_OF_JSON = b"inference-header-content-length"


def asked(request: Request) -> BodyFields:
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


def answered(response: Response) -> BodyFields:
    """The body of an answer."""
    if response.is_stream:
        return b"", "", "a stream"
    body, kind = response.body, response.content_type
    return (body, kind, "") if len(body) <= BODY_BYTES else _too_long(body, kind)


def _too_long(body: bytes, kind: bytes | str) -> BodyFields:
    return b"", kind, f"{len(body)} bytes, more than {BODY_BYTES}"


def fields_of(observed: Sequence[Any]) -> Fields:
    """What is collected of an `ObservedRequest` with these fields."""
    identity, end, sent, got = _collected(observed)
    return identity, end / 1e9, *sent, *got


def weight_of(observed: Sequence[Any]) -> int:
    """The bytes of both bodies."""
    _, _, (sent, _, _), (got, _, _) = _collected(observed)
    return len(sent) + len(got)


_collected = itemgetter(*map(ObservedRequest._fields.index, ("identity", "end", "sent", "answered")))
