"""What is kept of a request until it is recorded. It is not read here: that is done off the request path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlmagic.scoring.http.request import query_as_json
from mlmagic.scoring.inputs.bodies import JSON

if TYPE_CHECKING:
    from mlmagic.scoring.http.request import Request
    from mlmagic.scoring.http.response import Response

BodyFields = tuple[bytes, bytes | str, str]
"""The body of a request or an answer: its text, its content type, and why it is left out, or nothing."""

Fields = tuple[bytes, float, bytes, bytes | str, str, bytes, bytes | str, str]
"""A request that was answered, and its answer, as they are sent to the process that writes them.

Its id, the time in seconds since the epoch, and the `BodyFields` of both.
"""

RECORDS = 2
"""Of a request: one of inputs, one of predictions."""
SCORED = frozenset([b"POST", b"GET"])
"""The methods of requests that are recorded."""
_LENGTH_OF_JSON = b"inference-header-content-length"


def asked(request: Request) -> BodyFields:
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


def answered(response: Response) -> BodyFields:
    """The body of an answer."""
    if response.is_stream:
        return b"", "", "a stream"
    return response.body, response.content_type, ""
