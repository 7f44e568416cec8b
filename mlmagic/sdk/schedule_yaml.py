"""The YAML files of schedules, as Azure ML v1 reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlmagic.errors import InvalidConfig, NotFound, UsageError, nearest
from mlmagic.sdk.datastore import Datastore
from mlmagic.sdk.schedule_recurrence import ScheduleRecurrence
from mlmagic.sdk.workspace_base import WorkspaceBase

_KEYS = (
    "description",
    "recurrence",
    "pipeline_parameters",
    "wait_for_provisioning",
    "wait_timeout",
    "datastore_name",
    "polling_interval",
    "data_path_parameter_name",
    "continue_on_step_failure",
    "path_on_datastore",
)
_RECURRENCE_KEYS = (
    "frequency",
    "interval",
    "start_time",
    "time_zone",
    "hours",
    "minutes",
    "week_days",
    "time_of_day",
)


def read_schedule(workspace: WorkspaceBase, filename: str) -> dict[str, Any]:
    """The values of the section ``Schedule``: with a `ScheduleRecurrence`, and a `Datastore` for its name."""
    import yaml

    file = Path(filename).expanduser()
    if not file.is_file():
        raise NotFound("file", str(file))
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UsageError(f"{file} is not YAML: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("Schedule"), dict):
        raise UsageError(
            f"{file} has no section 'Schedule:'", hint="Write the keys of the schedule below it."
        )
    found = _checked(content["Schedule"], _KEYS)
    if found.get("recurrence") is not None:
        found["recurrence"] = _recurrence(found["recurrence"])
    if found.get("datastore_name") is not None:
        found["datastore_name"] = Datastore.get(workspace, found["datastore_name"])
    return found


def _recurrence(values: Any) -> ScheduleRecurrence:
    if not isinstance(values, dict):
        raise InvalidConfig("recurrence", values, "must have the keys frequency and interval")
    given = {"frequency": None, "interval": None, **_checked(values, _RECURRENCE_KEYS)}
    if isinstance(given.get("time_of_day"), int):  # YAML reads 18:30 as a number to the base of 60
        hour, minute = divmod(given["time_of_day"], 60)
        given["time_of_day"] = f"{hour}:{minute:02}"
    return ScheduleRecurrence(**given)


def _checked(values: Mapping[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    for key in values:
        if key not in known:
            like = nearest(str(key), known)
            raise InvalidConfig(
                "key",
                key,
                f"must be one of {', '.join(known)}",
                hint=f"Did you mean {like!r}?" if like else "",
            )
    # Azure ML v1's own example writes the text None for nothing.
    return {key: None if value == "None" else value for key, value in values.items()}
