"""Writes labels beside the collected inputs of their service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlmagic.engine.collected_data.files import CollectedFile
from mlmagic.scoring.collection.entries import (
    CORRELATION_COLUMNS,
    ID,
    LABELS,
    Entry,
    correlations,
    folder_of,
    now,
)
from mlmagic.scoring.collection.settings import FORMATS, CollectionSettings
from mlmagic.scoring.collection.stores import batches_of, store_of

if TYPE_CHECKING:
    import pandas


def write_labels(store: str, inputs: CollectedFile, labels: pandas.DataFrame) -> None:
    """Write ``labels`` to ``store``, for the model and in the format of ``inputs``."""
    subscription, group, workspace, *place = inputs.path.split("/")[1:7]
    when = now()
    own = correlations("", when, (f"{subscription}/{group}/{workspace}", *place))
    names = [name for name in labels.columns if name not in CORRELATION_COLUMNS]
    rows = [
        [identity, *list(own.values())[1:], *row]
        for identity, row in zip(labels[ID].astype(str), labels[names].itertuples(index=False), strict=True)
    ]
    folder = folder_of(when.date(), subscription, group, workspace, *place, LABELS)
    header = (*CORRELATION_COLUMNS, *map(str, names))
    form = inputs.form if inputs.form in FORMATS else FORMATS[0]
    writer = store_of(CollectionSettings(writes=True, storage=store, form=form))
    for batch in batches_of([Entry(folder, LABELS, header, rows)]):
        writer.write(batch)
