"""Collected rows as tables: read from files, and joined by the correlation id of their request."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlmagic.scoring.collection.entries import (
    BODY_FORM,
    CORRELATION_COLUMNS,
    ID,
    LABELS,
    PREDICTIONS,
    TIMESTAMP,
)

if TYPE_CHECKING:
    import pandas

_OWN = frozenset((*CORRELATION_COLUMNS, BODY_FORM))
_ROW = "$row"


@dataclass(frozen=True, slots=True)
class Requests:
    """Collected requests: a row for each input, with its prediction beside it."""

    table: pandas.DataFrame
    inputs: tuple[str, ...]
    """The columns of the inputs."""
    predictions: tuple[str, ...]


def read_table(contents: bytes, form: str, *, nullable: bool = False) -> pandas.DataFrame:
    """The rows of one file. With ``nullable``, whole numbers stay whole where others are missing."""
    import pandas

    more: dict[str, Any] = {"dtype_backend": "numpy_nullable"} if nullable else {}
    if form == "parquet":
        return pandas.read_parquet(io.BytesIO(contents), **more)
    if form == "jsonl":
        return pandas.DataFrame(_documents(contents))
    return pandas.read_csv(io.BytesIO(contents), dtype=dict.fromkeys(_OWN, str), **more)


def _documents(contents: bytes) -> list[dict[str, Any]]:
    """The rows of the later collector's documents."""
    rows: list[dict[str, Any]] = []
    for line in contents.splitlines():
        document = json.loads(line)
        data = document["data"]
        ours = {ID: document["id"], TIMESTAMP: document["time"]}
        rows += [{**ours, **row} for row in data] if isinstance(data, list) else [{**ours, "body": data}]
    return rows


def concatenated(
    tables: Sequence[pandas.DataFrame], since: datetime | None, until: datetime | None
) -> pandas.DataFrame:
    """One table of the rows from ``since`` on and before ``until``, in the order of their times."""
    import pandas

    table = pandas.concat(tables, ignore_index=True) if tables else pandas.DataFrame({ID: [], TIMESTAMP: []})
    times = pandas.to_datetime(table[TIMESTAMP], utc=True, format="ISO8601")
    chosen = pandas.Series(data=True, index=table.index)
    if since is not None:
        chosen &= times >= since
    if until is not None:
        chosen &= times < until
    table[TIMESTAMP] = times
    return table[chosen].sort_values(TIMESTAMP, kind="stable", ignore_index=True)


def joined(inputs: pandas.DataFrame, tables: Mapping[str, pandas.DataFrame]) -> pandas.DataFrame:
    """The inputs, with the predictions and the labels of the same request and row beside them.

    Inputs without a prediction or a label have none there. The columns are the correlation id, the time, the
    inputs, then the others: a name that the inputs have too gets the ending ``_prediction`` or ``_label``.
    """
    found = _numbered(inputs)
    for designation, ending in ((PREDICTIONS, "_prediction"), (LABELS, "_label")):
        if designation in tables and len(tables[designation]):
            more = tables[designation]
            if designation == LABELS:  # of a request that was labelled again, the last labels count
                more = more[more[TIMESTAMP] == more.groupby(ID)[TIMESTAMP].transform("max")]
            more = _numbered(more)
            own = [name for name in more.columns if not _is_ours(name)]
            more = more[[ID, _ROW, *own]].rename(
                columns={name: f"{name}{ending}" for name in own if name in found.columns}
            )
            found = found.merge(more, on=[ID, _ROW], how="left")
    kept = [name for name in found.columns if name in (ID, TIMESTAMP) or not _is_ours(name)]
    return found[kept]


def _numbered(table: pandas.DataFrame) -> pandas.DataFrame:
    """With the number of each row among those of its request, in their order."""
    return table.assign(**{_ROW: table.groupby(ID).cumcount()})


def _is_ours(name: str) -> bool:
    return name in _OWN or name == _ROW


def feature_columns(table: pandas.DataFrame) -> list[str]:
    """The columns of the data itself."""
    return [name for name in table.columns if not _is_ours(name)]
