"""The requests that the server records itself, where the script has no collector.

Inputs and predictions are tables where they can be read as such, else one column ``body``. Their correlation
id is the id of the request. What is not text is left out, and the column says so.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from mlmagic.scoring.collection.entries import (
    BODY_FORM,
    INPUTS,
    OWN_WORKSPACE,
    PREDICTIONS,
    Entry,
    correlations,
    folder_of,
)
from mlmagic.scoring.collection.redaction import WITHHELD, Redaction
from mlmagic.scoring.collection.settings import CollectionSettings
from mlmagic.scoring.collection.tables import BODY, TEXT, Table, csv_table, prediction_of, table_of
from mlmagic.scoring.http.request import BadInput, query_as_json
from mlmagic.scoring.inputs.bodies import CSV, JSON, is_json, parse_json

if TYPE_CHECKING:
    from mlmagic.scoring.http.request import Request
    from mlmagic.scoring.http.response import Response

BODY_BYTES = 1 << 20
"""A longer body is left out."""
_BYTES = 1024
"""About what a request and its answer take besides their bodies."""
_UNMARKED = ("", "application/x-www-form-urlencoded")
_LENGTH_OF_JSON = b"inference-header-content-length"


class Body(NamedTuple):
    """The body of a request or an answer: its text, or why it is left out.

    It is made on the request path, and read on the thread that writes.
    """

    text: bytes
    content_type: bytes | str
    left_out: str = ""

    @classmethod
    def of_request(cls, request: Request) -> Body:
        """Of a request as it was received, before the script has it."""
        if request.method == b"GET":
            return cls(query_as_json(request.query).encode(), JSON)
        fields = request.fields
        kind = fields.get(b"content-type", b"")
        if b"content-encoding" in fields:
            return cls(b"", kind, f"compressed with {fields[b'content-encoding'].decode('latin-1')}")
        if _LENGTH_OF_JSON in fields:
            return cls(b"", kind, "binary tensors")
        return cls(request.body, kind)

    @classmethod
    def of_response(cls, response: Response) -> Body:
        """Of an answer."""
        if response.is_stream:
            return cls(b"", "", "a stream")
        return cls(response.body, response.content_type)

    @property
    def kind(self) -> str:
        """The content type, without parameters; what does not say its type is JSON."""
        kind = _kind(self.content_type)
        return JSON if kind in _UNMARKED else kind

    def table(self, redaction: Redaction, input_rows: int | None = None) -> Table:
        """Its rows, redacted. Of an answer, ``input_rows`` says how many rows were sent."""
        if self.left_out:
            return _one_text(f"[left out: {self.left_out}]")
        kind, size = self.kind, len(self.text)
        if size > BODY_BYTES:
            return _one_text(f"[left out: {size} bytes, more than {BODY_BYTES}]")
        try:
            text = self.text.decode()
        except UnicodeDecodeError:
            return _one_text(f"[left out: {size} bytes of binary data, {kind}]")
        table = None
        if is_json(kind):
            with suppress(BadInput):
                value = parse_json(self.text)
                table = table_of(value) if input_rows is None else prediction_of(value, input_rows)
                if table is None and redaction.is_on:
                    return _one_text(_as_text(redaction.document(value)))
        elif kind == CSV:
            table = csv_table(text)
        if not redaction.is_on:
            return table or _one_text(text, TEXT)
        if table is None:
            return _one_text(WITHHELD)
        names, named = table.names, table.named
        return table._replace(rows=[redaction.row(names, row, named=named) for row in table.rows])


class ScoredRequest(NamedTuple):
    """A request that was answered, and its answer."""

    identity: str
    when: float
    asked: Body
    answered: Body

    @property
    def records(self) -> int:
        """One of inputs, one of predictions."""
        return 2

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes."""
        return _BYTES + len(self.asked.text) + len(self.answered.text)

    def entries(self, settings: CollectionSettings) -> list[Entry]:
        """Its rows, redacted."""
        inputs = self.asked.table(settings.redaction)
        predictions = self.answered.table(settings.redaction, len(inputs.rows))
        place = (OWN_WORKSPACE, settings.service, *settings.model)
        when = datetime.fromtimestamp(self.when, UTC)
        columns = correlations(self.identity, when, place, request_id=self.identity)
        own = [*columns.values()]
        made = (  # inputs are written last: who reads them finds their predictions
            (PREDICTIONS, (*columns, *predictions.names), [[*own, *row] for row in predictions.rows]),
            (
                INPUTS,
                (*columns, BODY_FORM, *inputs.names),
                [[*own, inputs.form, *row] for row in inputs.rows],
            ),
        )
        return [
            Entry(folder_of(when, *OWN_WORKSPACE.split("/"), *place[1:], name), name, header, rows)
            for name, header, rows in made
        ]


def is_recorded(request: Request, status: int) -> bool:
    """Whether a request is recorded: one that was scored, without an error."""
    return request.method in (b"POST", b"GET") and 200 <= status < 300


def _one_text(text: str, form: str = "") -> Table:
    return Table([BODY], [[text]], form=form)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@lru_cache(64)
def _kind(content_type: bytes | str) -> str:
    text = content_type if isinstance(content_type, str) else content_type.decode("latin-1")
    return text.partition(";")[0].strip().lower()
