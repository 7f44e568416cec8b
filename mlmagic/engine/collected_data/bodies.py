"""Request bodies from collected inputs, for profiles and replays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlmagic.engine.collected_data.tables import feature_columns
from mlmagic.scoring.collection.entries import BODY_FORM, ID
from mlmagic.scoring.collection.tables import BODY, TEXT, body_of

if TYPE_CHECKING:
    import pandas

_NOT_RECORDED = ("[redacted]", "[not recorded: ", "[left out: ")


def request_bodies(inputs: pandas.DataFrame) -> list[str]:
    """The body of each request whose inputs are complete, in the order of the requests."""
    if BODY_FORM not in inputs.columns:
        return []
    found = []
    for _, rows in inputs.groupby(ID, sort=False):
        form = rows[BODY_FORM].iloc[0]
        names = feature_columns(rows.dropna(axis=1, how="all"))  # without the columns of other requests
        values = [[_plain(value) for value in row] for row in rows[names].itertuples(index=False)]
        if not isinstance(form, str) or _is_cut(values):
            continue
        if form == TEXT:
            found.append(str(rows[BODY].iloc[0]))
            continue
        try:
            found.append(json.dumps(body_of(form, names, values)))
        except (ValueError, KeyError):
            continue
    return found


def _plain(value: Any) -> Any:
    import pandas

    if pandas.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value


def _is_cut(rows: list[list[Any]]) -> bool:
    return any(isinstance(value, str) and value.startswith(_NOT_RECORDED) for row in rows for value in row)
