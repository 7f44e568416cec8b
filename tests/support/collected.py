"""Collected inputs, as a server writes them, without a server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from mlmagic.scoring.collection.entries import INPUTS, correlations, folder_of
from mlmagic.workspace.location import locate

MODEL = ("s/g/w", "svc", "m", "1")


def write_collected(table: pd.DataFrame, when: datetime | None = None, folder: Path | None = None) -> None:
    """Write the rows as the inputs of the service ``svc``, each a request; into the test's workspace."""
    when = when or datetime.now(UTC)
    place = (folder or locate().collected_folder) / folder_of(when, "s", "g", "w", *MODEL[1:], INPUTS)
    place.mkdir(parents=True)
    ours = pd.DataFrame([correlations(f"request-{row}", when, MODEL) for row in range(len(table))])
    pd.concat([ours, table.reset_index(drop=True)], axis=1).to_csv(place / "inputs.csv", index=False)
