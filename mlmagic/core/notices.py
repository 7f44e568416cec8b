"""Notices for webhook subscribers: Azure ML v1's five events, with their subjects and data, and alerts.

A notice is built from an event of the log alone: as long as the event exists, the same notice can be built
again, with the same id. Failed or cancelled registrations and deployments send no notice, as in Azure ML v1;
of run statuses, only ``failed`` is sent.

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

from mlmagic.core.alert import AlertRule
from mlmagic.core.events import Event, EventKind, endpoint_subject, service_subject
from mlmagic.errors import InvalidConfig

NAMESPACE, OWN_NAMESPACE = "Microsoft.MachineLearningServices", "mlmagic"
ALERTS = (EventKind.ALERT_FIRED, EventKind.ALERT_RESOLVED)
"""Azure ML v1 has no such events; their data has the names of Azure Monitor's common alert schema."""
PUBLISHED = (
    EventKind.MODEL_REGISTERED,
    EventKind.MODEL_DEPLOYED,
    EventKind.RUN_COMPLETED,
    EventKind.RUN_STATUS_CHANGED,
    EventKind.DATASET_DRIFT_DETECTED,
    *ALERTS,
)
"""The kinds of events that are sent to subscribers."""
NOTICE_DATA = "told"
"""The key of an event's data that holds its notice's data; stored in workspaces, so it stays."""


@dataclass(frozen=True, slots=True)
class Happening:
    """An event to publish, before the log gives it a time and an id."""

    kind: EventKind
    subject: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Notice:
    """One event as it is sent to subscribers, without its envelope."""

    id: str
    """Unique, and equal at each attempt, so that a receiver can detect a repetition."""
    type: str
    """The type with its namespace: ``Microsoft.MachineLearningServices.ModelRegistered``."""
    source: str
    """The URI of its workspace: ``/workspaces/NAME``."""
    subject: str
    time: datetime
    data: Mapping[str, Any]


def source_of(workspace: str) -> str:
    """The URI of a workspace: the topic of its notices."""
    return f"/workspaces/{quote(workspace, safe='')}"


def notice_of(event: Event, workspace: str) -> Notice | None:
    """The notice of an event; None for a kind that is not sent to subscribers."""
    if event.kind not in PUBLISHED:
        return None
    source = source_of(workspace)
    # Without the workspace's name: a folder may have several. With the time: ids of workspaces overlap.
    name = f"{event.subject}#{event.id}@{event.time!r}"
    return Notice(
        str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
        full_type(event.kind),
        source,
        event.subject,
        datetime.fromtimestamp(event.time, UTC),
        _registered(event) if event.kind is EventKind.MODEL_REGISTERED else event.data[NOTICE_DATA],
    )


def full_type(kind: str) -> str:
    """The event type of a kind, with its namespace, as envelopes have it."""
    return f"{OWN_NAMESPACE if kind in ALERTS else NAMESPACE}.{kind}"


def published_kind(name: str) -> EventKind:
    """The kind called ``name``, with or without its namespace, in any case; raises `InvalidConfig`."""
    given = str(name).strip().lower()
    for kind in PUBLISHED:
        if given in (kind.lower(), full_type(kind).lower()):
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
    """The event of a deploy or update that became Healthy."""
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
    """The event of a run that completed."""
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
    """The event of a run that failed. Raises `InvalidConfig` for another status: only failures are sent."""
    if status.lower() != "failed":
        raise InvalidConfig(
            "run status",
            status,
            "must be failed: no event is sent for other statuses",
            hint="For a run that succeeded, publish RunCompleted.",
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
    """The event of a data drift; ``start`` and ``end`` are the time range of the drifted data."""
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


def alert_changed(
    rule: AlertRule,
    service_id: str,
    service: str,
    *,
    fired: float,
    resolved: float | None = None,
    value: str = "",
) -> Happening:
    """The event of an alert that fires, or that is ``resolved``; ``value`` is what was measured."""
    times = (datetime.fromtimestamp(each, UTC).isoformat() if each else None for each in (fired, resolved))
    return Happening(
        EventKind.ALERT_FIRED if resolved is None else EventKind.ALERT_RESOLVED,
        service_subject(service),
        {
            "AlertRule": rule.name,
            "Severity": str(rule.severity),
            "MonitorCondition": "Fired" if resolved is None else "Resolved",
            "Condition": rule.words,
            "Value": value,
            "ServiceName": service,
            "ServiceId": service_id,
            **dict(zip(("FiredDateTime", "ResolvedDateTime"), times, strict=True)),
            "Description": rule.description,
        },
    )


def check_happening(happening: Happening) -> None:
    """Raises `InvalidConfig` unless the event has a published kind, a subject, and JSON data."""
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
