"""Collected inputs and predictions, as a server writes them, without a server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from mlmagic.scoring.collection.entries import INPUTS, PREDICTIONS, correlations, folder_of
from mlmagic.workspace.location import locate

MODEL = ("s/g/w", "svc", "m", "1")


def write_collected(
    table: pd.DataFrame,
    when: datetime | None = None,
    folder: Path | None = None,
    *,
    predictions: pd.DataFrame | None = None,
) -> None:
    """Write inputs and predictions of the service ``svc``, each row a request, into the test's workspace."""
    when = when or datetime.now(UTC)
    ids = [f"{when} {number}" for number in range(len(table))]
    write_rows(INPUTS, table, ids, when, folder)
    if predictions is not None:
        write_rows(PREDICTIONS, predictions, ids, when, folder)


def write_rows(
    designation: str, data: pd.DataFrame, ids: Sequence[str], when: datetime, folder: Path | None = None
) -> None:
    """Write what was collected of one designation, as many rows for each of the ids."""
    place = (folder or locate().collected_folder) / folder_of(when, "s", "g", "w", *MODEL[1:], designation)
    place.mkdir(parents=True)
    each = len(data) // len(ids)
    ours = pd.DataFrame([correlations(name, when, MODEL) for name in ids for _ in range(each)])
    whole = pd.concat([ours, data.reset_index(drop=True)], axis=1)
    whole.to_csv(place / f"{designation}.csv", index=False)
