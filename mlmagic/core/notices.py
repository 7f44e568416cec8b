"""What subscribers are told: the five events of the documents, with their subjects and data.

A notice is made of an event of the log, and of nothing else: as long as the event is there, the same notice
can be made again, with the same id. Operations that failed or were cancelled have no notice, as documented;
of runs, the status that is told is ``failed``.

Names, subjects and keys: "Azure Machine Learning as an Event Grid source".
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from mlmagic.core.events import Event, EventKind, endpoint_subject
from mlmagic.errors import InvalidConfig

NAMESPACE = "Microsoft.MachineLearningServices"
PUBLISHED = (
    EventKind.MODEL_REGISTERED,
    EventKind.MODEL_DEPLOYED,
    EventKind.RUN_COMPLETED,
    EventKind.RUN_STATUS_CHANGED,
    EventKind.DATASET_DRIFT_DETECTED,
)
"""The kinds of events that subscribers are told of."""
TOLD = "told"
"""Where an event keeps the data of its notice, beside what is ours."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something to publish: it has neither time nor id yet, which it gets in the log."""

    kind: EventKind
    subject: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Notice:
    """One event as subscribers are told of it, whatever its envelope."""

    id: str
    """Unique, and the same at each attempt, so that a receiver can tell a repetition."""
    type: str
    """With its namespace: ``Microsoft.MachineLearningServices.ModelRegistered``."""
    source: str
    """The workspace it comes from, as a URI: ``/workspaces/NAME``."""
    subject: str
    time: datetime
    data: Mapping[str, Any]


def source_of(workspace: str) -> str:
    """The URI of a workspace: the topic of its notices."""
    return f"/workspaces/{quote(workspace, safe='')}"


def notice_of(event: Event, workspace: str) -> Notice | None:
    """The notice of an event; None of one that subscribers are not told of."""
    if event.kind not in PUBLISHED:
        return None
    source = source_of(workspace)
    # Not the workspace's name, which a folder may have several of. The time: other workspaces count, too.
    name = f"{event.subject}#{event.id}@{event.time!r}"
    return Notice(
        str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
        full_type(event.kind),
        source,
        event.subject,
        datetime.fromtimestamp(event.time, UTC),
        _registered(event) if event.kind is EventKind.MODEL_REGISTERED else event.data[TOLD],
    )


def full_type(kind: EventKind) -> str:
    """A kind as the documents write it in an envelope."""
    return f"{NAMESPACE}.{kind}"


def published_kind(name: str) -> EventKind:
    """The kind called ``name``, with or without its namespace, in any case; raises `InvalidConfig`."""
    short = str(name).strip().lower().removeprefix(f"{NAMESPACE.lower()}.")
    for kind in PUBLISHED:
        if short == kind.lower():
            return kind
    raise InvalidConfig("event type", name, f"must be one of {', '.join(PUBLISHED)}")


def model_deployed(
    service_id: str,
    name: str,
    compute_type: str,
    model_ids: Sequence[str],
    tags: Mapping[str, str],
    properties: Mapping[str, str],
) -> Happening:
    """A deploy or an update has come up."""
    return Happening(
        EventKind.MODEL_DEPLOYED,
        endpoint_subject(service_id),
        {
            "ServiceName": name,
            "ServiceComputeType": compute_type,
            "ModelIds": ",".join(model_ids),
            "ServiceTags": dict(tags),
            "ServiceProperties": dict(properties),
        },
    )


def run_completed(
    experiment_id: str,
    run_id: str,
    *,
    experiment_name: str = "",
    run_type: str = "",
    tags: Mapping[str, str] | None = None,
    properties: Mapping[str, str] | None = None,
) -> Happening:
    """A run has ended well."""
    data = _run(experiment_id, run_id, experiment_name, run_type, tags, properties)
    return Happening(EventKind.RUN_COMPLETED, _run_subject(experiment_id, run_id), data)


def run_status_changed(
    experiment_id: str,
    run_id: str,
    status: str = "failed",
    *,
    experiment_name: str = "",
    run_type: str = "",
    tags: Mapping[str, str] | None = None,
    properties: Mapping[str, str] | None = None,
) -> Happening:
    """A run has failed: the one status that is told of. Raises `InvalidConfig` for another."""
    if status.lower() != "failed":
        raise InvalidConfig(
            "run status",
            status,
            "must be failed: other changes are not told of",
            hint="A run that has ended well is a RunCompleted.",
        )
    data = _run(experiment_id, run_id, experiment_name, run_type, tags, properties)
    subject = _run_subject(experiment_id, run_id)
    return Happening(EventKind.RUN_STATUS_CHANGED, subject, {**data, "RunStatus": "failed"})


def dataset_drift_detected(
    drift_id: str,
    run_id: str,
    coefficient: float,
    *,
    name: str = "",
    base_dataset_id: str = "",
    target_dataset_id: str = "",
    start: datetime | None = None,
    end: datetime | None = None,
) -> Happening:
    """A drift monitor has seen data that differ from its base; ``start`` and ``end`` are of those data."""
    return Happening(
        EventKind.DATASET_DRIFT_DETECTED,
        f"datadrift/{_named('data drift id', drift_id)}/run/{_named('run id', run_id)}",
        {
            "DataDriftId": drift_id,
            "DataDriftName": name,
            "RunId": run_id,
            "BaseDatasetId": base_dataset_id,
            "TargetDatasetId": target_dataset_id,
            "DriftCoefficient": coefficient,
            "StartTime": start.isoformat() if start else None,
            "EndTime": end.isoformat() if end else None,
        },
    )


def check_happening(happening: Happening) -> None:
    """Raises `InvalidConfig` unless it has a documented kind, a subject, and data as JSON has it."""
    published_kind(happening.kind)
    _named("subject", happening.subject)
    if len(happening.subject) > 320:
        raise InvalidConfig("subject", happening.subject, "must have 320 characters at most")
    try:
        json.dumps(dict(happening.data), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidConfig("data", happening.data, f"must be JSON: {error}") from None


def _registered(event: Event) -> dict[str, Any]:
    name, _, version = event.subject.removeprefix("models/").rpartition(":")
    return {
        "ModelName": name,
        "ModelVersion": version,
        "ModelTags": event.data.get("tags", {}),
        "ModelProperties": event.data.get("properties", {}),
    }


def _run(
    experiment_id: str,
    run_id: str,
    experiment_name: str,
    run_type: str,
    tags: Mapping[str, str] | None,
    properties: Mapping[str, str] | None,
) -> dict[str, Any]:
    return {
        "ExperimentId": experiment_id,
        "ExperimentName": experiment_name or experiment_id,
        "RunId": run_id,
        "RunType": run_type,
        "RunTags": dict(tags or {}),
        "RunProperties": dict(properties or {}),
    }


def _run_subject(experiment_id: str, run_id: str) -> str:
    return f"experiments/{_named('experiment id', experiment_id)}/runs/{_named('run id', run_id)}"


def _named(what: str, value: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidConfig(what, value, "must be text that is not empty")
    return value
