"""The requests that the server records itself, where the script has no collector.

Inputs and predictions are tables where they can be read as such, else one column ``body``. Their correlation
id is the id of the request. What is not text is left out, and the column says so.
"""

from __future__ import annotations

import marshal
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from mlmagic.scoring.collection.entries import (
    BODY_FORM,
    CORRELATION_COLUMNS,
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
from mlmagic.scoring.http.request import BadInput
from mlmagic.scoring.inputs.bodies import CSV, JSON, is_json, parse_json

BODY_BYTES = 1 << 20
"""A longer body is left out."""
_UNMARKED = ("", "application/x-www-form-urlencoded")


class Body(NamedTuple):
    """The body of a request or an answer: its text, or why it is left out."""

    text: bytes
    content_type: bytes | str
    left_out: str = ""

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
            try:
                value = parse_json(self.text)
            except BadInput:
                pass
            else:
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

    @classmethod
    def unpacked(cls, record: bytes) -> ScoredRequest:
        """What was `packed`."""
        identity, when, *bodies = marshal.loads(record)
        return cls(identity, when, Body(*bodies[:3]), Body(*bodies[3:]))


class RequestTables:
    """The rows of several requests, redacted. Those for one file that have the same columns are one entry."""

    def __init__(self, settings: CollectionSettings) -> None:
        self._redaction = settings.redaction
        self._place = (OWN_WORKSPACE, settings.service, *settings.model)
        self._folders = (*OWN_WORKSPACE.split("/"), *self._place[1:])
        self._found: dict[tuple[date, str, tuple[str, ...]], list[list[list[Any]]]] = {}
        """The rows of each request by the day, the designation and the columns."""

    def add(self, request: ScoredRequest) -> None:
        """Take its rows: all, or none if it raises."""
        inputs = request.asked.table(self._redaction)
        predictions = request.answered.table(self._redaction, len(inputs.rows))
        identity, when = request.identity, datetime.fromtimestamp(request.when, UTC)
        own = [*correlations(identity, when, self._place, request_id=identity).values()]
        day = when.date()
        # Inputs are written last: who reads them finds their predictions.
        self._rows(day, PREDICTIONS, predictions).append([[*own, *row] for row in predictions.rows])
        self._rows(day, INPUTS, inputs).append([[*own, inputs.form, *row] for row in inputs.rows])

    def entries(self) -> list[Entry]:
        """What was added."""
        return [
            Entry(
                folder_of(day, *self._folders, name),
                name,
                (*CORRELATION_COLUMNS, *((BODY_FORM,) if name == INPUTS else ()), *names),
                [row for rows in found for row in rows],
                records=len(found),
            )
            for (day, name, names), found in self._found.items()
        ]

    def _rows(self, day: date, name: str, table: Table) -> list[list[list[Any]]]:
        return self._found.setdefault((day, name, tuple(table.names)), [])


def _one_text(text: str, form: str = "") -> Table:
    return Table([BODY], [[text]], form=form)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@lru_cache(64)
def _kind(content_type: bytes | str) -> str:
    text = content_type if isinstance(content_type, str) else content_type.decode("latin-1")
    return text.partition(";")[0].strip().lower()
