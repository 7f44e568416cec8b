"""The requests that the server records itself, where the script has no collector.

Inputs and predictions are tables where they can be read as such, else one column ``body``. Their correlation
id is the id of the request. What is not text is left out, and the column says so.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from mlmagic.scoring.collection.redaction import WITHHELD, Redaction
from mlmagic.scoring.collection.tables import BODY, TEXT, Table, csv_table, prediction_of, table_of
from mlmagic.scoring.http.request import BadInput, query_as_json
from mlmagic.scoring.inputs.bodies import CSV, JSON, is_json, parse_json

if TYPE_CHECKING:
    from mlmagic.scoring.http.request import Request
    from mlmagic.scoring.http.response import Response

BODY_BYTES = 1 << 20
"""A longer body is left out."""
RECORDS = 2
"""Of a request: one of inputs, one of predictions."""
SCORED = frozenset([b"POST", b"GET"])
"""The methods of requests that are recorded."""
_UNMARKED = ("", "application/x-www-form-urlencoded")
_LENGTH_OF_JSON = b"inference-header-content-length"


BodyFields = tuple[bytes, bytes | str, str]
"""The body of a request or an answer: its text, its content type, and why it is left out, or nothing."""

Fields = tuple[bytes, float, bytes, bytes | str, str, bytes, bytes | str, str]
"""A request that was answered, and its answer, as they are queued and sent to the process that writes them.

Its id, the time in seconds since the epoch, and the `BodyFields` of both. However many wait, the garbage
collection visits each once: they are plain values.
"""


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


def body_table(
    text: bytes,
    content_type: bytes | str,
    left_out: str,
    redaction: Redaction,
    input_rows: int | None = None,
) -> Table:
    """The rows of a body, redacted. Of an answer, ``input_rows`` says how many rows were sent."""
    if left_out:
        return _one_text(f"[left out: {left_out}]")
    kind, size = kind_of(content_type), len(text)
    if size > BODY_BYTES:
        return _one_text(f"[left out: {size} bytes, more than {BODY_BYTES}]")
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        return _one_text(f"[left out: {size} bytes of binary data, {kind}]")
    table = None
    if is_json(kind):
        try:
            value = parse_json(text)
        except BadInput:
            pass
        else:
            table = table_of(value) if input_rows is None else prediction_of(value, input_rows)
            if table is None and redaction.is_on:
                return _one_text(_as_text(redaction.document(value)))
    elif kind == CSV:
        table = csv_table(decoded)
    if not redaction.is_on:
        return table or _one_text(decoded, TEXT)
    if table is None:
        return _one_text(WITHHELD)
    names, named = table.names, table.named
    return table._replace(rows=[redaction.row(names, row, named=named) for row in table.rows])


def _one_text(text: str, form: str = "") -> Table:
    return Table([BODY], [[text]], form=form)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@lru_cache(64)
def kind_of(content_type: bytes | str) -> str:
    """Without parameters; what does not say its type is JSON."""
    text = content_type if isinstance(content_type, str) else content_type.decode("latin-1")
    kind = text.partition(";")[0].strip().lower()
    return JSON if kind in _UNMARKED else kind
