"""Data collectors: they record the inputs and outputs of a model in files.

`ModelDataCollector` writes CSV, `Collector` writes JSON lines, both below one folder:

    FOLDER/modeldata/SUBSCRIPTION/GROUP/WORKSPACE/SERVICE/MODEL/VERSION/DESIGNATION/YYYY/MM/DD/NAME.csv

They write to the folder AML_MODEL_DC_STORAGE (default: AML_APP_ROOT) if AML_MODEL_DC_STORAGE_ENABLED is true,
and print if AML_MODEL_DC_DEBUG is true. Otherwise they do nothing. A prediction never fails because its data
cannot be written.
"""

from __future__ import annotations

import csv
import fcntl
import json
import os
import re
import sys
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlmagic.scoring.outputs.json_encoder import encode

DESIGNATIONS = ("inputs", "predictions", "labels", "signals", "general")
_NAMED_AFTER_DESIGNATION = ("inputs", "predictions", "labels")

ID = "$aml_dc_correlation_id"
_COLUMNS = (
    ID,
    "$aml_dc_scoring_timestamp",
    "$aml_dc_boundary",
    "$aml_workspace",
    "$aml_service_name",
    "$aml_model_name",
    "$aml_model_version",
    "$aml_request_id",
)

Table = tuple[list[str], list[list[Any]]]
"""Column names and rows."""

_writing = threading.Lock()


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
        workspace: str = "default/default/default",
        webservice_name: str = "default",
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
        self.webservice_name = webservice_name
        self.model_version = str(model_version)
        self.collection_name = collection_name

    def collect(self, input_data: Any, user_correlation_id: str = "") -> dict[str, str] | None:
        """Record rows: a list, a `DataFrame` or an array, of which one dimension is one row.

        For inputs, returns their correlation columns. Add them to the predictions with `add_correlations`.
        """
        correlations = self._correlations(user_correlation_id)
        known = getattr(input_data, "correlations", None) or {}
        if _is_on("AML_MODEL_DC_STORAGE_ENABLED") or _is_on("AML_MODEL_DC_DEBUG"):
            _quietly(lambda: self._keep(input_data, {**correlations, **known}))
        return correlations if self.designation == "inputs" else None

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
        now = datetime.now(UTC).isoformat()
        values = (identity, now, boundary, self.workspace, self.webservice_name)
        return dict(zip(_COLUMNS, (*values, self.model_name, self.model_version, ""), strict=True))

    def _keep(self, data: Any, correlations: dict[str, str]) -> None:
        names, rows = _rows(data)
        names = self._feature_names(names, len(rows[0]) if rows else 0)
        columns = {**{name: None for name in _COLUMNS}, **correlations}
        added = {name: value for name, value in columns.items() if name not in names}
        header = [*added, *names]
        lines = [[*added.values(), *row] for row in rows]
        if _is_on("AML_MODEL_DC_DEBUG"):
            for line in lines:
                print(json.dumps(dict(zip(header, line, strict=False)), default=str), flush=True)
        if _is_on("AML_MODEL_DC_STORAGE_ENABLED"):
            _append_csv(self._path(), header, lines)

    def _feature_names(self, names: list[str], width: int) -> list[str]:
        if names:
            return names
        given = self.feature_names or []
        return [given[at] if at < len(given) else f"column_{at}" for at in range(width)]

    def _path(self) -> Path:
        by_designation = self.designation in _NAMED_AFTER_DESIGNATION
        name = self.designation if by_designation else self.collection_name
        place = (*self.workspace.split("/"), self.webservice_name, self.model_name, self.model_version)
        return _folder(*place, self.designation) / f"{_segment(name)}.csv"


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

    def collect(self, data: Any, correlation_context: CorrelationContext | None = None) -> CorrelationContext:
        """Record the rows of a `DataFrame` under the id of ``correlation_context``; return the context."""
        context = correlation_context or BasicCorrelationContext()
        if _is_on("AML_MODEL_DC_STORAGE_ENABLED") or _is_on("AML_MODEL_DC_DEBUG"):
            _quietly(lambda: self._keep(data, context), self._on_error)
        return context

    def _keep(self, data: Any, context: CorrelationContext) -> None:
        now = datetime.now(UTC).isoformat()
        record = {"id": context.get_id(), "time": now, "collection": self.name, "data": data}
        line = encode(record) + b"\n"
        if _is_on("AML_MODEL_DC_DEBUG"):
            print(line.decode(), end="", flush=True)
        if _is_on("AML_MODEL_DC_STORAGE_ENABLED"):
            service = os.environ.get("SERVICE_NAME") or "default"
            with _writing, open(_made(_folder(service, self.name) / "data.jsonl"), "ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # other replicas of the service write to it, too
                file.write(line)


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


def _append_csv(path: Path, header: list[str], lines: list[list[Any]]) -> None:
    with _writing, open(_made(path), "a", newline="", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # other replicas of the service write to it, too
        writer = csv.writer(file)
        if file.seek(0, os.SEEK_END) == 0:
            writer.writerow(header)
        writer.writerows(lines)


def _folder(*place: str) -> Path:
    storage = os.environ.get("AML_MODEL_DC_STORAGE", "").removeprefix("file://")
    # In Azure this is the connection string of a storage account: only a path can be used here.
    root = storage if os.path.isabs(storage) else os.environ.get("AML_APP_ROOT", ".")
    day = datetime.now(UTC).strftime("%Y/%m/%d").split("/")
    return Path(root, "modeldata", *map(_segment, place), *day)


def _segment(name: str) -> str:
    """Return ``name`` as one safe part of a path."""
    return re.sub(r"[^\w.-]", "_", str(name)).lstrip(".") or "_"


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _is_on(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() in ("true", "1", "yes")


def _quietly(keep: Callable[[], None], on_error: Callable[[Exception], object] | None = None) -> None:
    try:
        keep()
    except Exception as error:
        if on_error is not None:
            on_error(error)
        else:
            print(f"mlmagic: cannot write collected data: {error}", file=sys.stderr, flush=True)
