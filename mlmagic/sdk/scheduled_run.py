"""``python -m mlmagic.sdk.scheduled_run SCHEDULE RUN``: starts the run of a schedule and waits for its end.

The supervisor starts it, with the workspace as JSON in an environment variable. However often it is started
for the same id of a run, there is one such run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from mlmagic.core.schedule import Schedule
from mlmagic.engine.schedules.starter import LOCATION_VARIABLE
from mlmagic.errors import MLMagicError, NotFound
from mlmagic.scoring.shims.recorded_run import FAILED
from mlmagic.sdk.aliases import install
from mlmagic.sdk.drift_check import DriftCheck
from mlmagic.sdk.pipeline_run import PipelineRun
from mlmagic.sdk.run import Experiment
from mlmagic.sdk.schedule import PROPERTY
from mlmagic.sdk.schedule_definition import files_of, parameters_of, pipeline_of
from mlmagic.sdk.workspace import Workspace
from mlmagic.workspace.location import Location


def main() -> None:
    """Start the run of the command line."""
    install()
    schedule_id, run_id = sys.argv[1:]
    workspace = Workspace(Location.from_json(os.environ.pop(LOCATION_VARIABLE)))
    try:
        start(workspace, schedule_id, run_id)
    except MLMagicError as error:
        workspace.engine.schedules.record_failed_start(schedule_id, run_id, str(error))
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        workspace.engine.schedules.record_failed_start(schedule_id, run_id, reason)


def start(workspace: Workspace, schedule_id: str, run_id: str) -> None:
    """Start the run, or a run for each changed file, one after another. Raises what prevents it."""
    schedules = workspace.engine.schedules
    schedule = schedules.take(schedule_id, run_id)
    if schedule is None:
        return
    assert schedule.start is not None
    if schedule.drift_check:
        _check_drift(workspace, schedule)
        schedules.record_begun(schedule_id, run_id)
        return
    paths: Sequence[str | None] = [None]
    if schedule.polling is not None:
        changed = schedule.start.paths
        if changed is None:
            changed = schedules.record_look(schedule_id, run_id, files_of(workspace, schedule.polling))
        paths = changed if schedule.polling.parameter else [None][: len(changed)]
    for number, path in enumerate(paths):
        if number and schedules.take(schedule_id, run_id) is None:
            return  # disabled meanwhile
        own_id = run_id if number == 0 else f"{run_id}_{number}"
        run = _begin(workspace, schedule, own_id, path)
        if number == len(paths) - 1:
            schedules.record_begun(schedule_id, run_id, len(paths))
        if run is not None and run.wait_here() == FAILED:
            error = run.get_properties().get("error", "")
            schedules.record_failed_run(schedule_id, own_id, error)


def _check_drift(workspace: Workspace, schedule: Schedule) -> None:
    """Look for drift, unless the service was deleted: then the schedule ends."""
    options = dict(schedule.drift_check)
    service, baseline, _ = (options.pop(name, None) for name in ("service", "baseline", "every"))
    try:
        workspace.engine.services.get(service)
    except NotFound:
        workspace.engine.schedules.disable(schedule.id)
        raise
    DriftCheck.run(workspace, service, baseline, **options)


def _begin(workspace: Workspace, schedule: Schedule, run_id: str, path: str | None) -> PipelineRun | None:
    """Start a run; None if an earlier process has done so."""
    experiment = Experiment(workspace, schedule.experiment_name)
    if (experiment.folder / run_id).exists():
        return None
    pipeline, parameters = pipeline_of(workspace, schedule), parameters_of(workspace, schedule, path)
    try:
        return pipeline.begin(
            experiment,
            parameters,
            continue_on_step_failure=bool(schedule.continue_on_step_failure),
            run_id=run_id,
            properties={PROPERTY: schedule.id},
        )
    except FileExistsError:  # of the folder of the run
        return None


if __name__ == "__main__":
    main()
