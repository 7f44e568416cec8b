"""The requests that the server records itself, where the script has no collector.

Inputs and predictions are tables where they can be read as such, else one column ``body``. Their correlation
id is the id of the request. What is not text is left out, and the column says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

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
from mlmagic.scoring.http.request import query_as_json

if TYPE_CHECKING:
    from mlmagic.scoring.http.request import Request
    from mlmagic.scoring.http.response import Response

BODY_BYTES = 1 << 20
"""A longer body is left out."""
_UNMARKED = ("", "application/x-www-form-urlencoded")
_LENGTH_OF_JSON = b"inference-header-content-length"


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request or an answer: its text, or why it is left out."""

    text: bytes
    kind: str
    """The content type, without parameters."""
    left_out: str = ""

    @classmethod
    def of_request(cls, request: Request) -> Body:
        """Of the request as it was received."""
        if request.method == b"GET":
            return cls(query_as_json(request.query).encode(), "application/json")
        kind = _kind(request.fields.get(b"content-type", b"").decode("latin-1"))
        if encoding := request.fields.get(b"content-encoding"):
            return cls(b"", kind, f"compressed with {encoding.decode('latin-1', 'replace')}")
        if _LENGTH_OF_JSON in request.fields:
            return cls(b"", kind, "binary tensors")
        return cls._limited(bytes(request.body), "application/json" if kind in _UNMARKED else kind)

    @classmethod
    def of_response(cls, response: Response) -> Body:
        """Of a complete answer."""
        if response.is_stream:
            return cls(b"", "", "a stream")
        return cls._limited(bytes(response.body), _kind(response.content_type))

    @classmethod
    def _limited(cls, text: bytes, kind: str) -> Body:
        if len(text) > BODY_BYTES:
            return cls(b"", kind, f"{len(text)} bytes, more than {BODY_BYTES}")
        return cls(text, kind)

    def table(self, redaction: Redaction, *, input_rows: int | None = None) -> Table:
        """Its rows. Of an answer, ``input_rows`` says how many rows were sent."""
        if self.left_out:
            return _one_text(f"[left out: {self.left_out}]")
        try:
            text = self.text.decode()
        except UnicodeDecodeError:
            return _one_text(f"[left out: {len(self.text)} bytes of binary data, {self.kind}]")
        if self.kind == "text/csv":
            table = csv_table(text)
        elif self.kind == "application/json" or self.kind.endswith("+json"):
            try:
                value = orjson.loads(self.text)
            except ValueError:
                table = None
            else:
                table = table_of(value) if input_rows is None else prediction_of(value, input_rows)
                if table is None and redaction.is_on:
                    return _one_text(_as_text(redaction.document(value)))
        else:
            table = None
        if table is None:
            return _one_text(WITHHELD) if redaction.is_on else _one_text(text, TEXT)
        names, named = table.names, table.named
        return table._replace(rows=[redaction.row(names, row, named=named) for row in table.rows])


@dataclass(frozen=True, slots=True)
class ScoredRequest:
    """A request that was answered."""

    identity: str
    when: datetime
    request: Body
    answer: Body
    count = 2
    """Records: one of inputs, one of predictions."""

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes."""
        return 1024 + len(self.request.text) + len(self.answer.text)

    def entries(self, settings: CollectionSettings) -> list[Entry]:
        """Its rows, redacted."""
        inputs = self.request.table(settings.redaction)
        predictions = self.answer.table(settings.redaction, input_rows=len(inputs.rows))
        place = (OWN_WORKSPACE, settings.service, *settings.model)
        columns = correlations(self.identity, self.when, place, request_id=self.identity)
        found = []
        for designation, table, more in (
            (INPUTS, inputs, {BODY_FORM: inputs.form}),
            (PREDICTIONS, predictions, {}),
        ):
            folder = folder_of(self.when, *OWN_WORKSPACE.split("/"), *place[1:], designation)
            first = {**columns, **more}
            rows = [[*first.values(), *row] for row in table.rows]
            found.append(Entry(folder, designation, (*first, *table.names), rows))
        return found


def is_recorded(request: Request, status: int) -> bool:
    """Whether a request is recorded: one that was scored, without an error."""
    return request.method in (b"POST", b"GET") and 200 <= status < 300


def _one_text(text: str, form: str = "") -> Table:
    return Table([BODY], [[text]], form=form)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
