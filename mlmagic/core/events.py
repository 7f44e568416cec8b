"""The event log: every change of a model or service is one event, recorded with the change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """The kinds of events in the log."""

    MODEL_REGISTERED = "ModelRegistered"
    MODEL_UPDATED = "ModelUpdated"
    MODEL_DELETED = "ModelDeleted"
    DEPLOY_REQUESTED = "DeployRequested"
    UPDATE_REQUESTED = "UpdateRequested"
    STOP_REQUESTED = "StopRequested"
    START_REQUESTED = "StartRequested"
    DELETE_REQUESTED = "DeleteRequested"
    REPLACED = "Replaced"
    """Nearest versions are used in place of pins that cannot be installed."""
    LAUNCHED = "Launched"
    RELOADED = "Reloaded"
    STATE_CHANGED = "StateChanged"
    ENDED = "Ended"
    ROLLED_BACK = "RolledBack"
    KEY_CHANGED = "KeyChanged"
    LABELLED = "Labelled"
    SCALED = "Scaled"
    VERSION_CREATED = "VersionCreated"
    VERSION_CHANGED = "VersionChanged"
    VERSION_DELETED = "VersionDeleted"
    TRAFFIC_CHANGED = "TrafficChanged"
    ROLLOUT_STARTED = "RolloutStarted"
    ROLLOUT_STEPPED = "RolloutStepped"
    ROLLOUT_FINISHED = "RolloutFinished"
    ROLLOUT_REVERTED = "RolloutReverted"
    ROLLOUT_STOPPED = "RolloutStopped"
    ROLLOUT_PAUSED = "RolloutPaused"
    """Of an endpoint's guarded rollout, or of the update of a service."""
    ROLLOUT_RESUMED = "RolloutResumed"
    DELETED = "Deleted"
    FOLLOWED = "Followed"
    FOLLOW_FAILED = "FollowFailed"
    SCHEDULE_CREATED = "ScheduleCreated"
    SCHEDULE_CHANGED = "ScheduleChanged"
    SCHEDULE_STARTED = "ScheduleStarted"
    SCHEDULE_FAILED = "ScheduleFailed"
    MODEL_DEPLOYED = "ModelDeployed"
    RUN_COMPLETED = "RunCompleted"
    RUN_STATUS_CHANGED = "RunStatusChanged"
    DATASET_DRIFT_DETECTED = "DatasetDriftDetected"
    ALERT_FIRED = "AlertFired"
    ALERT_RESOLVED = "AlertResolved"


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the log. ``id`` increases.

    ``subject`` is ``models/NAME:V``, ``services/NAME`` or ``schedules/ID``.
    Events for webhook subscribers have the subject of their notices (`mlmagic.core.notices`).
    """

    id: int
    time: float
    kind: EventKind | str
    """Text for a kind that only a newer version knows."""
    subject: str
    message: str
    data: Mapping[str, Any] = field(default_factory=dict)


def kind_of(text: str) -> EventKind | str:
    """The kind that a row names; the text itself if this version does not know it."""
    try:
        return EventKind(text)
    except ValueError:
        return text


def service_subject(name: str) -> str:
    return f"services/{name}"


def model_subject(model_id: str) -> str:
    return f"models/{model_id}"


def schedule_subject(schedule_id: str) -> str:
    return f"schedules/{schedule_id}"


def endpoint_subject(service_id: str) -> str:
    return f"endpoints/{service_id}"
