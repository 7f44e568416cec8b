"""`Schedule`: starts a published pipeline by the clock, or when files of a datastore change.

recurrence = ScheduleRecurrence("Day", 1, time_of_day="08:00", time_zone=TimeZone.WEuropeStandardTime)
schedule = Schedule.create(ws, "daily", published.id, "predictions", recurrence)
schedule.get_last_pipeline_run()
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from mlmagic.core import schedule as core
from mlmagic.core.schedule import ScheduleStatus
from mlmagic.errors import InvalidConfig, UsageError
from mlmagic.sdk.datastore import Datastore
from mlmagic.sdk.exceptions import UserErrorException, raises
from mlmagic.sdk.pipeline_run import PipelineRun
from mlmagic.sdk.run import Experiment
from mlmagic.sdk.schedule_definition import (
    POLLING_MINUTES,
    check_pipeline,
    files_of,
    named,
    new_schedule,
    parsed,
    plain_parameters,
    polling_of,
)
from mlmagic.sdk.schedule_recurrence import ScheduleRecurrence
from mlmagic.sdk.schedule_yaml import read_schedule
from mlmagic.sdk.workspace_base import WorkspaceBase

PROPERTY = "schedule"
"""The property of a run that has the id of the schedule that started it."""
Schedules = list["Schedule"]
PipelineRuns = list[PipelineRun]
"""Names for them, because `Schedule.list` hides the built-in one in its class."""


@raises(UserErrorException)
class Schedule:
    """A schedule, found by its id.

    The supervisor daemon of this machine starts its runs, each in a process of its own, also when the process
    that created the schedule has ended. The daemon runs as long as a schedule is active. After a restart of
    the machine it is there again when the workspace is opened. It then starts one run for all the times that
    were missed.
    Source: Schedule of azureml-pipeline-core.
    """

    def __init__(self, workspace: WorkspaceBase, id: str) -> None:
        self._workspace, self._id = workspace, id
        workspace.engine.schedules.get(id)

    @staticmethod
    def create(
        workspace: WorkspaceBase,
        name: str,
        pipeline_id: str,
        experiment_name: str,
        recurrence: ScheduleRecurrence | None = None,
        description: str | None = None,
        pipeline_parameters: Mapping[str, Any] | None = None,
        wait_for_provisioning: bool | None = False,
        wait_timeout: float | None = 3600,
        datastore: Datastore | str | None = None,
        polling_interval: int | None = POLLING_MINUTES,
        data_path_parameter_name: str | None = None,
        continue_on_step_failure: bool | None = None,
        path_on_datastore: str | None = None,
        _workflow_provider: object = None,
        _service_endpoint: object = None,
    ) -> Schedule:
        """Start a published pipeline by a ``recurrence``, or when files of a ``datastore`` change.

        The files directly in ``path_on_datastore`` are looked at every ``polling_interval`` minutes. If files
        were added or changed, a run is started. With ``data_path_parameter_name`` each such file has a run of
        its own, one after another: that parameter of the pipeline is the `DataPath` of the file.
        ``continue_on_step_failure`` runs the steps that do not need a failed one, too. Nothing has to be
        provisioned: ``wait_for_provisioning`` and ``wait_timeout`` have no effect.
        Raises `UserErrorException` for a pipeline that does not exist or is disabled, and for invalid values.
        """
        return _created(workspace, new_schedule(workspace, locals()))

    @staticmethod
    def create_for_pipeline_endpoint(
        workspace: WorkspaceBase,
        name: str,
        pipeline_endpoint_id: str,
        experiment_name: str,
        recurrence: ScheduleRecurrence | None = None,
        description: str | None = None,
        pipeline_parameters: Mapping[str, Any] | None = None,
        wait_for_provisioning: bool | None = False,
        wait_timeout: float | None = 3600,
        datastore: Datastore | str | None = None,
        polling_interval: int | None = POLLING_MINUTES,
        data_path_parameter_name: str | None = None,
        continue_on_step_failure: bool | None = None,
        path_on_datastore: str | None = None,
        _workflow_provider: object = None,
        _service_endpoint: object = None,
    ) -> Schedule:
        """As `create`: each run is of the version that is the endpoint's default when it starts."""
        return _created(workspace, new_schedule(workspace, locals()))

    @staticmethod
    def get(workspace: WorkspaceBase, id: str, **more: Any) -> Schedule:
        """The schedule with that id. Raises `UserErrorException` if there is none."""
        return Schedule(workspace, id)

    @staticmethod
    def list(
        workspace: WorkspaceBase,
        active_only: bool = True,
        pipeline_id: str | None = None,
        pipeline_endpoint_id: str | None = None,
        **more: Any,
    ) -> Schedules:
        """The active schedules; with an id all schedules of that pipeline or endpoint. The oldest first."""
        given = (pipeline_id, pipeline_endpoint_id)
        return [
            Schedule(workspace, each.id)
            for each in workspace.engine.schedules.list()
            if not each.drift_check
            and (each.is_active or not active_only if given == (None, None) else _runs(each, *given))
        ]

    get_all = list

    @staticmethod
    def get_schedules_for_pipeline_id(workspace: WorkspaceBase, pipeline_id: str, **more: Any) -> Schedules:
        """All schedules of a published pipeline."""
        return Schedule.list(workspace, pipeline_id=pipeline_id)

    @staticmethod
    def get_schedules_for_pipeline_endpoint_id(
        workspace: WorkspaceBase, pipeline_endpoint_id: str, **more: Any
    ) -> Schedules:
        """All schedules of a pipeline endpoint."""
        return Schedule.list(workspace, pipeline_endpoint_id=pipeline_endpoint_id)

    @staticmethod
    def load_yaml(workspace: WorkspaceBase, filename: str, **more: Any) -> dict[str, Any]:
        """The values of a YAML file with a section ``Schedule``, as a dict for the arguments of `create`."""
        return read_schedule(workspace, filename)

    # ---- what it is -----------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The id."""
        return self._id

    @property
    def name(self) -> str:
        """The name, which need not be unique."""
        return self._record.name

    @property
    def description(self) -> str:
        """The description."""
        return self._record.description

    @property
    def status(self) -> str:
        """Active or Disabled."""
        return self._record.status.value

    @property
    def recurrence(self) -> ScheduleRecurrence | None:
        """How often it starts runs; None for a schedule of a datastore."""
        found = self._record.recurrence
        return ScheduleRecurrence.of(found) if found is not None else None

    @property
    def pipeline_id(self) -> str | None:
        """The id of the published pipeline; None for a schedule of an endpoint."""
        return self._record.pipeline_id

    @property
    def pipeline_endpoint_id(self) -> str | None:
        """The id of the pipeline endpoint; None for a schedule of a published pipeline."""
        return self._record.pipeline_endpoint_id

    @property
    def datastore_name(self) -> str | None:
        """The datastore whose files it looks at; None for a schedule with a recurrence."""
        polling = self._record.polling
        return polling.datastore_name if polling else None

    @property
    def polling_interval(self) -> int | None:
        """How often it looks at the files, in minutes."""
        polling = self._record.polling
        return polling.minutes if polling else None

    @property
    def path_on_datastore(self) -> str | None:
        """The folder that it looks at; None for that of the datastore itself."""
        polling = self._record.polling
        return polling.path or None if polling else None

    @property
    def data_path_parameter_name(self) -> str | None:
        """The pipeline's parameter that gets the path of a file that was added or changed."""
        polling = self._record.polling
        return polling.parameter if polling else None

    @property
    def continue_on_step_failure(self) -> bool | None:
        """Whether the steps that do not need a failed one run, too."""
        return self._record.continue_on_step_failure

    @property
    def error(self) -> str | None:
        """Why no run could be started, or why the run failed, the last time; None if all was well."""
        return self._record.error or None

    # ---- what can be done -------------------------------------------------------------------------

    def update(
        self,
        name: str | None = None,
        description: str | None = None,
        recurrence: ScheduleRecurrence | None = None,
        pipeline_parameters: Mapping[str, Any] | None = None,
        status: str | None = None,
        wait_for_provisioning: bool = False,
        wait_timeout: float = 3600,
        datastore: Datastore | str | None = None,
        polling_interval: int | None = None,
        data_path_parameter_name: str | None = None,
        continue_on_step_failure: bool | None = None,
        path_on_datastore: str | None = None,
    ) -> None:
        """Change what is given. Raises `UserErrorException` for invalid values; then nothing is changed."""
        if status is not None and status not in set(ScheduleStatus):
            raise InvalidConfig("status", status, "must be Active or Disabled")
        before = self._record
        changes: dict[str, Any] = {
            "status": None if status is None else ScheduleStatus(status),
            "name": None if name is None else named("name", name),
            "description": description,
            "continue_on_step_failure": continue_on_step_failure,
            "pipeline_parameters": None
            if pipeline_parameters is None
            else plain_parameters(pipeline_parameters),
        }
        if recurrence is not None:
            if before.recurrence is None:
                raise _has_other_trigger(before, "a datastore")
            changes["recurrence"] = parsed(recurrence)
        if (datastore, polling_interval, data_path_parameter_name, path_on_datastore) != (None,) * 4:
            if before.polling is None:
                raise _has_other_trigger(before, "a recurrence")
            changes["polling"] = polling = polling_of(
                before.polling.datastore_name if datastore is None else datastore,
                before.polling.minutes if polling_interval is None else polling_interval,
                before.polling.path if path_on_datastore is None else path_on_datastore,
                data_path_parameter_name or before.polling.parameter,
            )
            if (polling.datastore_name, polling.path) != (before.polling.datastore_name, before.polling.path):
                changes["seen"] = files_of(self._workspace, polling)
        given = {key: value for key, value in changes.items() if value is not None}
        after = replace(before, **given)
        if after.is_active and not before.is_active and after.polling is not None:
            given["seen"] = files_of(self._workspace, after.polling)
        if after.polling != before.polling or (after.is_active and not before.is_active):
            check_pipeline(self._workspace, after)
        self._workspace.engine.schedules.update(self._id, **given)

    def enable(self, wait_for_provisioning: bool = False, wait_timeout: float = 3600) -> None:
        """Start runs again, at the next time of the recurrence, or for files that change from now on.

        Raises `UserErrorException` if the pipeline does not exist any more or is disabled.
        """
        self.update(status=ScheduleStatus.ACTIVE)

    def disable(self, wait_for_provisioning: bool = False, wait_timeout: float = 3600) -> None:
        """Start no more runs. A run that has begun goes on; cancel it with its `PipelineRun.cancel`."""
        self._workspace.engine.schedules.disable(self._id)

    def get_pipeline_runs(self) -> PipelineRuns:
        """The runs that it has started, the newest first."""
        return [*self._runs()]

    def get_last_pipeline_run(self) -> PipelineRun | None:
        """The run that it has started last; None before the first."""
        return next(self._runs(), None)

    def _runs(self) -> Iterator[PipelineRun]:
        experiment = Experiment(self._workspace, self._record.experiment_name)
        for run in experiment.get_runs():
            if run.get_properties().get(PROPERTY) == self._id:
                yield PipelineRun(experiment, run.id)

    @property
    def _record(self) -> core.Schedule:
        return self._workspace.engine.schedules.get(self._id)

    def __repr__(self) -> str:
        return f"Schedule(name={self.name!r}, id={self.id!r}, status={self.status!r})"


def _created(workspace: WorkspaceBase, schedule: core.Schedule) -> Schedule:
    if schedule.polling is not None:
        schedule = replace(schedule, seen=files_of(workspace, schedule.polling))
    return Schedule(workspace, workspace.engine.schedules.create(schedule).id)


def _runs(schedule: core.Schedule, pipeline_id: str | None, endpoint_id: str | None) -> bool:
    """Whether it is a schedule of that pipeline or endpoint."""
    if pipeline_id is not None:
        return schedule.pipeline_id == pipeline_id
    return schedule.pipeline_endpoint_id == endpoint_id


def _has_other_trigger(schedule: core.Schedule, trigger: str) -> UsageError:
    return UsageError(
        f"schedule {schedule.name!r} is one of {trigger}, which cannot be changed",
        hint="Disable it and create another schedule.",
    )
