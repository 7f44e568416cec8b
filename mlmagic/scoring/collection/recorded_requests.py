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
    """The body of a request or an answer: its text, or why it is left out."""

    text: bytes
    kind: str
    """The content type, without parameters."""
    left_out: str = ""

    @classmethod
    def of(cls, text: bytes, kind: str) -> Body:
        """``text`` unless it is very long."""
        if len(text) > BODY_BYTES:
            return cls(b"", kind, f"{len(text)} bytes, more than {BODY_BYTES}")
        return cls(text, kind)

    def table(self, redaction: Redaction, input_rows: int | None = None) -> Table:
        """Its rows, redacted. Of an answer, ``input_rows`` says how many rows were sent."""
        if self.left_out:
            return _one_text(f"[left out: {self.left_out}]")
        try:
            text = self.text.decode()
        except UnicodeDecodeError:
            return _one_text(f"[left out: {len(self.text)} bytes of binary data, {self.kind}]")
        table = None
        if is_json(self.kind):
            with suppress(BadInput):
                value = parse_json(self.text)
                table = table_of(value) if input_rows is None else prediction_of(value, input_rows)
                if table is None and redaction.is_on:
                    return _one_text(_as_text(redaction.document(value)))
        elif self.kind == CSV:
            table = csv_table(text)
        if not redaction.is_on:
            return table or _one_text(text, TEXT)
        if table is None:
            return _one_text(WITHHELD)
        names, named = table.names, table.named
        return table._replace(rows=[redaction.row(names, row, named=named) for row in table.rows])


class ScoredRequest(NamedTuple):
    """A request that was answered. It is made on the request path, and read on the thread that writes."""

    identity: str
    when: float
    request: Request
    body: bytes
    """As it was received."""
    response: Response

    @property
    def records(self) -> int:
        """One of inputs, one of predictions."""
        return 2

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes."""
        answer = 0 if self.response.is_stream else len(self.response.body)
        return _BYTES + len(self.body) + answer

    def entries(self, settings: CollectionSettings) -> list[Entry]:
        """Its rows, redacted."""
        inputs = self._asked().table(settings.redaction)
        predictions = self._answered().table(settings.redaction, len(inputs.rows))
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

    def _asked(self) -> Body:
        request = self.request
        if request.method == b"GET":
            return Body.of(query_as_json(request.query).encode(), JSON)
        kind = _kind(request.fields.get(b"content-type", b"").decode("latin-1"))
        if encoding := request.fields.get(b"content-encoding"):
            return Body(b"", kind, f"compressed with {encoding.decode('latin-1', 'replace')}")
        if _LENGTH_OF_JSON in request.fields:
            return Body(b"", kind, "binary tensors")
        return Body.of(self.body, JSON if kind in _UNMARKED else kind)

    def _answered(self) -> Body:
        if self.response.is_stream:
            return Body(b"", "", "a stream")
        return Body.of(self.response.body, _kind(self.response.content_type))


def is_recorded(request: Request, status: int) -> bool:
    """Whether a request is recorded: one that was scored, without an error."""
    return request.method in (b"POST", b"GET") and 200 <= status < 300


def _one_text(text: str, form: str = "") -> Table:
    return Table([BODY], [[text]], form=form)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@lru_cache(64)
def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
