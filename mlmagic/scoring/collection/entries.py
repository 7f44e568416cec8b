"""What one call of a collector records: rows of a table, or lines of JSON, and the file they belong to.

STORAGE/modeldata/SUBSCRIPTION/GROUP/WORKSPACE/SERVICE/MODEL/VERSION/DESIGNATION/YYYY/MM/DD/NAME.csv
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from mlmagic.scoring.collection.redaction import Redaction

ROOT = "modeldata"
ID = "$aml_dc_correlation_id"
TIMESTAMP = "$aml_dc_scoring_timestamp"
CORRELATION_COLUMNS = (
    ID,
    TIMESTAMP,
    "$aml_dc_boundary",
    "$aml_workspace",
    "$aml_service_name",
    "$aml_model_name",
    "$aml_model_version",
    "$aml_request_id",
)
BODY_FORM = "$mlmagic_body_form"
"""Of inputs that the server has recorded: how their table was written in the body of the request."""
INPUTS, PREDICTIONS, LABELS = NAMED_AFTER_DESIGNATION = ("inputs", "predictions", "labels")
DESIGNATIONS = (*NAMED_AFTER_DESIGNATION, "signals", "general")
OWN_WORKSPACE = "default/default/default"
_ROW_BYTES, _VALUE_BYTES = 64, 48
"""About what a row and a value of a list cost."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The rows of one call."""

    folder: str
    """Of the day, below the storage."""
    name: str
    """Of the file, without its ending."""
    header: tuple[str, ...]
    """The columns; empty for lines of JSON."""
    rows: Sequence[Sequence[Any]]
    """For lines of JSON, a row is one document, whose ``data`` is what was collected."""
    named: bool = True
    """Whether the columns have the names of the data, and not ones that were made up."""
    on_error: Callable[[Exception], object] | None = None
    """Called if it cannot be written."""
    size: int = 0
    """Bytes of memory, if they are known."""
    records: int = 1
    """The rows of so many requests or calls."""
    csv: bytes = b""
    """The rows as CSV where they are lines already; then `rows` is empty."""

    def redacted(self, redaction: Redaction) -> Entry:
        """The same without the values of redacted columns."""
        if not redaction.is_on:
            return self
        if not self.header:
            rows: list[list[Any]] = [
                [{**document, "data": redaction.records(document["data"])} for document in row]
                for row in self.rows
            ]
        else:
            own = len(CORRELATION_COLUMNS)  # they come first
            names = self.header[own:]
            rows = [[*row[:own], *redaction.row(names, row[own:], named=self.named)] for row in self.rows]
        return Entry(self.folder, self.name, self.header, rows, on_error=self.on_error)

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes, by its first row: it is called on the request path."""
        first = self.rows[0] if self.rows else ()
        texts = sum(len(value) for value in first if isinstance(value, str | bytes))
        return self.size or len(self.rows) * (_ROW_BYTES + _VALUE_BYTES * len(first) + texts)


def correlations(
    identity: str, when: datetime, place: Sequence[str], *, boundary: str = "1440", request_id: str = ""
) -> dict[str, str]:
    """The correlation columns of a row. ``place``: workspace, service, model and version."""
    values = (identity, when.isoformat(), boundary, *place, request_id)
    return dict(zip(CORRELATION_COLUMNS, values, strict=True))


@lru_cache(256)
def folder_of(day: date, *place: str) -> str:
    """The folder of the files of one day."""
    return "/".join((ROOT, *map(segment, place), day.strftime("%Y/%m/%d")))


def segment(name: str) -> str:
    """``name`` as one safe part of a path."""
    return re.sub(r"[^\w.-]", "_", str(name)).lstrip(".") or "_"


def now() -> datetime:
    """The time of a record."""
    return datetime.now(UTC)


def is_sampled(identity: str, rate: float) -> bool:
    """Whether the records with this correlation id are among the share ``rate`` that is kept.

    It depends on the id alone, so inputs and predictions of one request are both kept, or both left out.
    """
    if rate >= 1:
        return True
    from hashlib import blake2b

    digest = blake2b(identity.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") < rate * 2**64
