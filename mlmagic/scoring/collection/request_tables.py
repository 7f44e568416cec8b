"""The rows of requests that the server records itself, as tables for the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from mlmagic.scoring.collection.csv_lines import Lines, field, number_lines, table_lines
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
from mlmagic.scoring.collection.recorded_bodies import body_table, kind_of
from mlmagic.scoring.collection.request_records import Fields
from mlmagic.scoring.collection.settings import CSV, CollectionSettings
from mlmagic.scoring.inputs.bodies import is_json
from mlmagic.scoring.observed_request import BodyFields

_SHORT_BYTES = 4096
"""Of a longer body, to read it as a table takes no longer."""


class _Rows:
    """Those of requests that are for one file and have the same columns; or their lines of CSV."""

    __slots__ = ("requests", "rows")

    def __init__(self) -> None:
        self.requests, self.rows = 0, list[Any]()

    def add(self, rows: Sequence[Any]) -> None:
        """Take those of a request."""
        self.requests += 1
        self.rows += rows


class RequestTables:
    """The rows of several requests, redacted. Those for one file that have the same columns are one entry."""

    def __init__(self, settings: CollectionSettings) -> None:
        self._redaction = settings.redaction
        self._is_csv = settings.form == CSV
        place = (OWN_WORKSPACE, settings.service, *settings.model)
        self._folders = (*OWN_WORKSPACE.split("/"), *place[1:])
        _, _, *same, _ = correlations("", datetime.fromtimestamp(0, UTC), place).values()
        self._same = same
        """The correlation columns that all requests have in common: those between time and request id."""
        self._same_fields = ",".join(map(field, same))
        self._found: dict[tuple[date, str, tuple[str, ...]], _Rows] = defaultdict(_Rows)
        """By the day, the designation and the columns."""

    def add(self, request: Fields) -> None:
        """Take the rows of a request: all, or none if it raises."""
        identity, when = request[:2]
        inputs = body_table(*request[2:5], self._redaction)
        predictions = body_table(*request[5:], self._redaction, len(inputs.rows))
        if self._is_csv:
            self._add_lines(identity, when, table_lines(inputs), table_lines(predictions))
            return
        day, moment = timestamp(when)
        known = identity.decode("latin-1")
        own = [known, moment, *self._same, known]
        # Inputs are written last: who reads them finds their predictions.
        names, rows, *_ = predictions
        self._found[day, PREDICTIONS, tuple(names)].add([[*own, *row] for row in rows])
        names, rows, _, form = inputs
        self._found[day, INPUTS, tuple(names)].add([[*own, form, *row] for row in rows])

    def add_numbers(self, requests: Sequence[Fields]) -> bool:
        """Take the rows of all, in much less time, if all bodies are arrays of numbers; False if not."""
        if not self._is_csv or self._redaction.is_on:
            return False
        asked, answered = [request[2:5] for request in requests], [request[5:] for request in requests]
        if not (_are_short_json(asked) and _are_short_json(answered)):
            return False
        inputs = number_lines([text for text, *_ in asked])
        if inputs is None:
            return False
        sent = [shape.rows for shape, _ in inputs]
        predictions = number_lines([text for text, *_ in answered], sent)
        if predictions is None:
            return False
        for (identity, when, *_), *lines in zip(requests, inputs, predictions, strict=True):
            self._add_lines(identity, when, *lines)
        return True

    def entries(self) -> list[Entry]:
        """What was added."""
        return [
            Entry(
                folder_of(day, *self._folders, name),
                name,
                (*CORRELATION_COLUMNS, *((BODY_FORM,) if name == INPUTS else ()), *names),
                () if self._is_csv else found.rows,
                records=found.requests,
                csv="".join(found.rows).encode("utf-8", "replace") if self._is_csv else b"",
            )
            for (day, name, names), found in self._found.items()
        ]

    def _add_lines(self, identity: bytes, when: float, inputs: Lines, predictions: Lines) -> None:
        day, moment = timestamp(when)
        known = field(identity.decode("latin-1"))
        begin = f"{known},{moment},{self._same_fields},{known}"
        shape, ends = predictions
        self._found[day, PREDICTIONS, shape.names].add([begin + end for end in ends])
        shape, ends = inputs
        begin = f"{begin},{shape.form}"
        self._found[day, INPUTS, shape.names].add([begin + end for end in ends])


def _are_short_json(bodies: Sequence[BodyFields]) -> bool:
    if any(left_out or not is_json(kind_of(kind)) for kind, left_out in {body[1:] for body in bodies}):
        return False
    return max(len(text) for text, *_ in bodies) <= _SHORT_BYTES


def timestamp(when: float) -> tuple[date, str]:
    """The day and the text of a time in seconds since the epoch, as `datetime.isoformat` writes it."""
    second = int(when)
    microseconds = round((when - second) * 1e6)
    if microseconds == 1_000_000:
        second, microseconds = second + 1, 0
    day, text = _second(second)
    return day, f"{text}.{microseconds:06}+00:00" if microseconds else f"{text}+00:00"


@lru_cache(64)
def _second(second: int) -> tuple[date, str]:
    moment = datetime.fromtimestamp(second, UTC)
    return moment.date(), moment.replace(tzinfo=None).isoformat()
