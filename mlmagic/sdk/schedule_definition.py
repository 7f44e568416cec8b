"""From the arguments of `Schedule.create` to the record of a schedule, and to what its runs are given."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Mapping
from typing import Any

from mlmagic.core.recurrence import Recurrence
from mlmagic.core.schedule import Polling, Schedule
from mlmagic.errors import InvalidConfig, UsageError
from mlmagic.sdk.data_reference import DataPath
from mlmagic.sdk.datastore import Datastore
from mlmagic.sdk.pipeline_endpoint import PipelineEndpoint
from mlmagic.sdk.published_pipeline import PublishedPipeline
from mlmagic.sdk.schedule_recurrence import ScheduleRecurrence
from mlmagic.sdk.workspace_base import WorkspaceBase
from mlmagic.workspace.identity import machine

STARTER = "mlmagic.sdk.scheduled_run"
"""The module that starts a run, as a process."""
POLLING_MINUTES = 5
_DATA_PATH = "datapath"
_WITHOUT_STORE = ("data_path_parameter_name", "path_on_datastore")


def new_schedule(workspace: WorkspaceBase, given: Mapping[str, Any]) -> Schedule:
    """The record of a new schedule; ``given`` are the arguments of `Schedule.create`.

    Or those of `Schedule.create_for_pipeline_endpoint`. Raises `InvalidConfig`, `UsageError` or `NotFound`.
    """
    recurrence, datastore = given["recurrence"], given["datastore"]
    if (recurrence is None) == (datastore is None):
        raise UsageError(
            f"schedule {given['name']!r} has {'neither' if recurrence is None else 'both'} a recurrence "
            f"{'nor' if recurrence is None else 'and'} a datastore",
            hint="Pass recurrence=ScheduleRecurrence('Day', 1), or datastore=.",
        )
    for name in _WITHOUT_STORE if datastore is None else ():
        if given[name] is not None:
            raise InvalidConfig(name, given[name], "is for schedules of a datastore", hint="Pass datastore=.")
    now = time.time()
    made = Schedule(
        id=str(uuid.uuid4()),
        name=named("name", given["name"]),
        experiment_name=named("experiment_name", given["experiment_name"]),
        created_time=now,
        since=now,
        machine=machine(),
        command=(sys.executable, "-m", STARTER),
        recurrence=parsed(recurrence) if recurrence is not None else None,
        polling=polling_of(
            datastore,
            POLLING_MINUTES if given["polling_interval"] is None else given["polling_interval"],
            given["path_on_datastore"],
            given["data_path_parameter_name"],
        )
        if datastore is not None
        else None,
        description=given["description"] or "",
        pipeline_parameters=plain_parameters(given["pipeline_parameters"] or {}),
        continue_on_step_failure=given["continue_on_step_failure"],
        pipeline_id=given.get("pipeline_id"),
        pipeline_endpoint_id=given.get("pipeline_endpoint_id"),
    )
    check_pipeline(workspace, made)
    return made


def polling_of(datastore: Datastore | str, minutes: int, path: str | None, parameter: str | None) -> Polling:
    """Which files to look at, and how often."""
    name = datastore if isinstance(datastore, str) else getattr(datastore, "name", None)
    if not isinstance(name, str):
        raise InvalidConfig("datastore", datastore, "must be a Datastore or the name of one")
    return Polling(name, minutes, (path or "").strip("/"), parameter)


def files_of(workspace: WorkspaceBase, polling: Polling) -> dict[str, str]:
    """The files to look at, each with a text that changes with it. Raises `NotFound` for the datastore."""
    return Datastore.get(workspace, polling.datastore_name).file_states(polling.path)


def pipeline_of(workspace: WorkspaceBase, schedule: Schedule) -> PublishedPipeline:
    """The pipeline that a run started now is of. Raises `UsageError` if it was deleted or is disabled."""
    if schedule.pipeline_endpoint_id is not None:
        endpoint = PipelineEndpoint.get(workspace, schedule.pipeline_endpoint_id)
        endpoint.check_active()
        return endpoint.get_pipeline()
    return PublishedPipeline.get(workspace, str(schedule.pipeline_id))


def check_pipeline(workspace: WorkspaceBase, schedule: Schedule) -> None:
    """Raises `UsageError` if the pipeline is disabled or lacks the parameter for the changed file."""
    pipeline = pipeline_of(workspace, schedule)
    pipeline.check_active()
    wanted = schedule.polling.parameter if schedule.polling is not None else None
    known = sorted(pipeline.parameters())
    if wanted is not None and wanted not in known:
        raise InvalidConfig(
            "data_path_parameter_name",
            wanted,
            f"must be a parameter of the pipeline {pipeline.name!r}",
            hint=f"It has {', '.join(known)}."
            if known
            else "Pass a step PipelineParameter(name, default_value=DataPath(datastore, path)).",
        )


def plain_parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of pipeline parameters as JSON. Raises `InvalidConfig` for any other value."""
    plain = {}
    for name, value in given.items():
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], DataPath):
            value = value[0]  # a path with its DataPathComputeBinding
        if isinstance(value, DataPath):
            value = {_DATA_PATH: [value.datastore.name, value.path_on_datastore]}
        try:
            json.dumps(value)
        except (TypeError, ValueError):
            raise InvalidConfig(
                f"pipeline parameter {name!r}", value, "must be text, a number or a DataPath"
            ) from None
        plain[name] = value
    return plain


def parameters_of(workspace: WorkspaceBase, schedule: Schedule, path: str | None = None) -> dict[str, Any]:
    """The values of the pipeline's parameters for a run; ``path`` is that of a changed file."""
    values = {name: _restored(workspace, value) for name, value in schedule.pipeline_parameters.items()}
    polling = schedule.polling
    if polling is not None and polling.parameter is not None and path is not None:
        values[polling.parameter] = DataPath(Datastore.get(workspace, polling.datastore_name), path)
    return values


def parsed(recurrence: Any) -> Recurrence:
    """The recurrence as the engine takes it. Raises `InvalidConfig` for another object."""
    if not isinstance(recurrence, ScheduleRecurrence):
        raise InvalidConfig(
            "recurrence",
            recurrence,
            "must be a ScheduleRecurrence",
            hint="For example ScheduleRecurrence('Day', 1).",
        )
    return recurrence.parsed()


def named(what: str, value: object) -> str:
    """``value``. Raises `InvalidConfig` unless it is text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidConfig(what, value, "must be text that is not empty")
    return value


def _restored(workspace: WorkspaceBase, value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {_DATA_PATH}:
        store, path = value[_DATA_PATH]
        return DataPath(Datastore.get(workspace, store), path)
    return value
