"""The bodies of the requests that the server records itself, and of their answers, as tables.

What cannot be read as a table is one column ``body``. What is not text is left out, and the column says so.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

from mlmagic.scoring.collection.redaction import WITHHELD, Redaction
from mlmagic.scoring.collection.tables import BODY, TEXT, Table, csv_table, prediction_of, table_of
from mlmagic.scoring.http.request import BadInput
from mlmagic.scoring.inputs.bodies import CSV, JSON, UNMARKED, is_json, parse_json


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
    kind = kind_of(content_type)
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        return _one_text(f"[left out: {len(text)} bytes of binary data, {kind}]")
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
    return JSON if kind in UNMARKED else kind
