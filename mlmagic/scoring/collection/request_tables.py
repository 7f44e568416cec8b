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
from mlmagic.scoring.collection.request_records import Body, Fields
from mlmagic.scoring.collection.settings import CSV, CollectionSettings
from mlmagic.scoring.inputs.bodies import is_json

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
            self._add_lines([request], [table_lines(inputs)], [table_lines(predictions)])
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
        self._add_lines(requests, inputs, predictions)
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

    def _add_lines(
        self, requests: Sequence[Fields], inputs: Sequence[Lines], predictions: Sequence[Lines]
    ) -> None:
        # Requests that follow one another are mostly of the same second, and of one shape.
        last: tuple[Any, ...] = ()
        same = self._same_fields
        for request, (sent, sent_ends), (answered, answered_ends) in zip(
            requests, inputs, predictions, strict=True
        ):
            second, nanoseconds = divmod(request[1], 1_000_000_000)
            if last != (latest := (second, sent, answered)):
                last, (day, moment) = latest, _second(second)
                got = self._found[day, PREDICTIONS, answered.names]
                asked = self._found[day, INPUTS, sent.names]
            identity = request[0].decode("latin-1")
            known = field(identity) if "," in identity else identity  # it has no quotes and no line ends
            begin = f"{known},{moment}{_fraction(nanoseconds)},{same},{known}"
            for end in answered_ends:
                got.rows.append(begin + end)
            begin = f"{begin},{sent.form}"
            for end in sent_ends:
                asked.rows.append(begin + end)
            got.requests += 1
            asked.requests += 1


def _are_short_json(bodies: Sequence[Body]) -> bool:
    if any(left_out or not is_json(kind_of(kind)) for kind, left_out in {body[1:] for body in bodies}):
        return False
    return max(len(text) for text, *_ in bodies) <= _SHORT_BYTES


def timestamp(when: int) -> tuple[date, str]:
    """The day and the text of a time in nanoseconds since the epoch, as `datetime.isoformat` writes it."""
    second, nanoseconds = divmod(when, 1_000_000_000)
    day, text = _second(second)
    return day, f"{text}{_fraction(nanoseconds)}"


def _fraction(nanoseconds: int) -> str:
    return f".{nanoseconds // 1000:06}+00:00" if nanoseconds >= 1000 else "+00:00"


@lru_cache(64)
def _second(second: int) -> tuple[date, str]:
    moment = datetime.fromtimestamp(second, UTC)
    return moment.date(), moment.replace(tzinfo=None).isoformat()
