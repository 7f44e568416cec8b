"""Data collectors: they record the inputs and outputs of a model in files.

`ModelDataCollector` writes tables, `Collector` writes JSON lines, both below one folder or URL:

    STORAGE/modeldata/SUBSCRIPTION/GROUP/WORKSPACE/SERVICE/MODEL/VERSION/DESIGNATION/YYYY/MM/DD/NAME.csv

They write to AML_MODEL_DC_STORAGE (default: AML_APP_ROOT) if AML_MODEL_DC_STORAGE_ENABLED is true, and print
if AML_MODEL_DC_DEBUG is true. Otherwise they do nothing. A prediction neither waits nor fails because of
them: see `mlmagic.scoring.collection`.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlmagic.scoring.collection.collection import collection
from mlmagic.scoring.collection.entries import (
    DESIGNATIONS,
    ID,
    INPUTS,
    NAMED_AFTER_DESIGNATION,
    OWN_WORKSPACE,
    Entry,
    correlations,
    folder_of,
    now,
    segment,
)
from mlmagic.scoring.collection.settings import NO_NAME
from mlmagic.scoring.collection.tables import generated_names
from mlmagic.scoring.logs import request_id
from mlmagic.scoring.outputs.json_encoder import encode

Table = tuple[list[str], list[list[Any]]]
"""Column names and rows."""


class Correlated(list[Any]):
    """Rows with their correlation columns."""

    def __init__(self, rows: Sequence[Any], correlations: Mapping[str, str]) -> None:
        super().__init__(rows)
        self.correlations = dict(correlations)


class ModelDataCollector:
    """Collects rows of one designation of one model."""

    def __init__(
        self,
        model_name: str,
        designation: str = "default",
        feature_names: Sequence[str] | None = None,
        workspace: str = OWN_WORKSPACE,
        webservice_name: str = NO_NAME,
        model_version: str = "default",
        collection_name: str = "default",
        **unused: object,
    ) -> None:
        designation = "general" if designation == "default" else designation
        if designation not in DESIGNATIONS:
            raise ValueError(f"designation is {designation!r}: it must be one of {', '.join(DESIGNATIONS)}")
        if not model_name:
            raise ValueError("model_name is empty")
        self.model_name = model_name
        self.designation = designation
        self.feature_names = list(feature_names) if feature_names is not None else None
        self.workspace = workspace
        self.webservice_name = (
            collection().settings.service if webservice_name == NO_NAME else webservice_name
        )
        self.model_version = str(model_version)
        self.collection_name = collection_name
        collection().note_collector()

    def collect(self, input_data: Any, user_correlation_id: str = "") -> dict[str, str] | None:
        """Record rows: a list, a `DataFrame` or an array, of which one dimension is one row.

        For inputs, returns their correlation columns. Add them to the predictions with `add_correlations`.
        """
        columns = self._correlations(user_correlation_id)
        if isinstance(input_data, Correlated):
            columns |= input_data.correlations
        _quietly(lambda: self._keep(input_data, columns))
        return columns if self.designation == INPUTS else None

    def add_correlations(self, input_data: Any, correlations: Mapping[str, str] | None) -> Any:
        """Add the correlation columns that `collect` returned for the inputs."""
        if not correlations:
            return input_data
        if hasattr(input_data, "assign"):
            return input_data.assign(**correlations)
        return Correlated(_rows(input_data)[1], correlations)

    def _correlations(self, user_id: str) -> dict[str, str]:
        identity = f"{user_id}-{uuid.uuid4()}" if user_id else str(uuid.uuid4())
        boundary = "60" if os.environ.get("AML_MODEL_DC_BOUNDARY", "").lower() == "hour" else "1440"
        place = (self.workspace, self.webservice_name, self.model_name, self.model_version)
        return correlations(identity, now(), place, boundary=boundary, request_id=request_id())

    def _keep(self, data: Any, columns: dict[str, str]) -> None:
        kept = collection()
        if not kept.settings.is_on:
            return
        names, rows = _rows(data)
        named = bool(names or self.feature_names)
        names = names or self._feature_names(len(rows[0]) if rows else 0)
        own = {name: at for at, name in enumerate(names) if name in columns}
        others = [at for at, name in enumerate(names) if name not in columns]
        lines: list[list[Any]] = []
        for row in rows:  # each may have an id of its own, such as the labels of several requests
            found = {**columns, **{name: row[at] for name, at in own.items()}}
            if kept.keeps(str(found[ID])):
                lines.append([*found.values(), *(row[at] for at in others)])
        header = (*columns, *(names[at] for at in others))
        entry = Entry(self._folder(), self._file_name(), header, lines, named=named)
        if kept.settings.prints:
            for shown in entry.redacted(kept.settings.redaction).rows:
                print(json.dumps(dict(zip(header, shown, strict=False)), default=str), flush=True)
        if kept.settings.writes and lines:
            kept.add(entry)

    def _feature_names(self, width: int) -> list[str]:
        given = self.feature_names or []
        return [*given, *generated_names(width)[len(given) :]][:width]

    def _file_name(self) -> str:
        by_designation = self.designation in NAMED_AFTER_DESIGNATION
        return segment(self.designation if by_designation else self.collection_name)

    def _folder(self) -> str:
        place = (*self.workspace.split("/"), self.webservice_name, self.model_name, self.model_version)
        return folder_of(now().date(), *place, self.designation)


class CorrelationContext:
    """The base class of correlation contexts: an id that the records of one prediction share."""

    def get_id(self) -> str:
        raise NotImplementedError


class BasicCorrelationContext(CorrelationContext):
    """A correlation context with the given id, or a new one."""

    def __init__(self, id: str = "", **unused: object) -> None:
        self._id = id or str(uuid.uuid4())

    def get_id(self) -> str:
        return self._id

    def __str__(self) -> str:
        return self._id


class Collector:
    """The collector of ``azureml.ai.monitoring``: records a `DataFrame` as JSON lines."""

    def __init__(self, *, name: str, on_error: Callable[[Exception], object] | None = None) -> None:
        self.name = name
        self._on_error = on_error
        collection().note_collector()

    def collect(self, data: Any, correlation_context: CorrelationContext | None = None) -> CorrelationContext:
        """Record the rows of a `DataFrame` under the id of ``correlation_context``; return the context."""
        context = correlation_context or BasicCorrelationContext()
        _quietly(lambda: self._keep(data, context), self._on_error)
        return context

    def _keep(self, data: Any, context: CorrelationContext) -> None:
        kept, time = collection(), now()
        if not kept.settings.is_on or not kept.keeps(context.get_id()):
            return
        record = {"id": context.get_id(), "time": time.isoformat(), "collection": self.name}
        # A snapshot, as JSON: the script may change its table afterwards.
        snapshot = encode(data)
        document = {**record, "data": json.loads(snapshot)}
        folder = folder_of(time.date(), kept.settings.service, self.name)
        entry = Entry(folder, "data", (), [[document]], on_error=self._on_error, size=len(snapshot))
        if kept.settings.prints:
            for row in entry.redacted(kept.settings.redaction).rows:
                print(encode(row[0]).decode(), flush=True)
        if kept.settings.writes:
            kept.add(entry)


def _rows(data: Any) -> Table:
    """Return the column names, if the data has any, and the rows."""
    if hasattr(data, "toPandas"):
        data = data.toPandas()
    if hasattr(data, "columns") and hasattr(data, "itertuples"):
        return [str(name) for name in data.columns], [list(row) for row in data.itertuples(index=False)]
    values = data.tolist() if hasattr(data, "tolist") else data
    if not isinstance(values, list | tuple):
        values = [values]
    if values and all(isinstance(row, list | tuple) for row in values):
        return [], [list(row) for row in values]
    return [], [list(values)]


def _quietly(keep: Callable[[], None], on_error: Callable[[Exception], object] | None = None) -> None:
    try:
        keep()
    except Exception as error:
        if on_error is not None:
            on_error(error)
        else:
            print(f"mlmagic: data was not collected: {error}", file=sys.stderr, flush=True)
