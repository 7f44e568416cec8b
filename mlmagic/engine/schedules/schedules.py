"""Schedules: create and change them, and record the runs that they start."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlmagic.core.events import EventKind, schedule_subject
from mlmagic.core.schedule import Schedule, ScheduleStatus, changed_files
from mlmagic.errors import UsageError
from mlmagic.workspace import events, schedules
from mlmagic.workspace.identity import ProcessIdentity, machine
from mlmagic.workspace.memory import Memory

if TYPE_CHECKING:
    from sqlalchemy import Connection

_WORDS = {ScheduleStatus.ACTIVE: "enabled", ScheduleStatus.DISABLED: "disabled"}


class Schedules:
    """The schedules of one workspace.

    A supervisor of the schedule's machine starts its runs (see `starter`): each one once, however many
    processes supervise. If times were missed because the machine was off, one run is started when the next
    supervisor is there, and then the schedule goes on.
    """

    def __init__(self, memory: Memory, supervise: Callable[[], None]) -> None:
        """``supervise`` makes sure that there is a supervisor."""
        self._memory, self._supervise = memory, supervise

    def create(self, schedule: Schedule) -> Schedule:
        """Record a new schedule, which starts runs from now on."""
        schedule.next_after(schedule.since)  # raises here what would be raised when a run is started
        made = replace(schedule, next_time=schedule.first_time)
        with self._memory.writing() as tx:
            schedules.add(tx, made)
            _report(tx, made, EventKind.SCHEDULE_CREATED, "was created")
        self._supervise()
        return made

    def get(self, schedule_id: str) -> Schedule:
        """The schedule with that id. Raises `NotFound`."""
        with self._memory.reading() as tx:
            return schedules.get(tx, schedule_id)

    def list(self) -> list[Schedule]:
        """All schedules, the oldest first."""
        with self._memory.reading() as tx:
            return schedules.list_schedules(tx)

    def of_drift(self, service: str) -> Schedule | None:
        """The active schedule of the drift checks of a service; None if there is none."""
        found = (each for each in self.list() if each.is_active)
        return next((each for each in found if each.drift_check.get("service") == service), None)

    def update(self, schedule_id: str, **changes: Any) -> Schedule:
        """Change fields of a schedule. With a new ``recurrence`` or ``polling`` it begins a new rhythm.

        One that becomes active starts its next run at the next time. Raises `UsageError` if that is to be on
        another machine.
        """
        with self._memory.writing() as tx:
            before = schedules.get(tx, schedule_id)
            changed = replace(before, **changes)
            if changes.keys() & {"recurrence", "polling"}:
                changed = replace(changed, since=time.time())
                changed = replace(changed, next_time=changed.next_after(changed.since))
            if "seen" in changes and before.start is not None and before.start.paths is None:
                changed = replace(changed, start=None)  # it is a look at what is not to be looked at any more
            if changed.is_active and not before.is_active:
                _check_machine(changed)
                changed = replace(changed, next_time=changed.next_after(time.time()), error="")
            if changed != before:
                schedules.write(tx, changed)
                words = "changed" if changed.status is before.status else _WORDS[changed.status]
                _report(tx, changed, EventKind.SCHEDULE_CHANGED, f"was {words}")
        self._supervise()
        return changed

    def enable(self, schedule_id: str) -> Schedule:
        """Start runs again, at the next time of the schedule; see `update`."""
        return self.update(schedule_id, status=ScheduleStatus.ACTIVE)

    def disable(self, schedule_id: str) -> Schedule:
        """Start no more runs. A run that has begun goes on."""
        return self.update(schedule_id, status=ScheduleStatus.DISABLED)

    # ---- for the process that starts a run ------------------------------------------------------

    def hand_over(self, schedule_id: str, run_id: str, pid: int) -> None:
        """Make the process that was started for a run the owner of its start."""
        with self._memory.writing_quietly() as tx:
            schedule = schedules.get(tx, schedule_id)
            if _starts(schedule, run_id):
                assert schedule.start is not None
                start = replace(schedule.start, owner=ProcessIdentity.of(pid).mark())
                schedules.write(tx, replace(schedule, start=start))

    def take(self, schedule_id: str, run_id: str) -> Schedule | None:
        """Make this process the owner of a start; None if there is nothing to start any more."""
        with self._memory.writing_quietly() as tx:
            schedule = schedules.get(tx, schedule_id)
            if not _starts(schedule, run_id):
                return None
            assert schedule.start is not None
            start = replace(schedule.start, owner=ProcessIdentity.current().mark())
            taken = replace(schedule, start=start if schedule.is_active else None)
            schedules.write(tx, taken)
            return taken if taken.start else None

    def record_look(self, schedule_id: str, run_id: str, files: Mapping[str, str]) -> tuple[str, ...]:
        """Record the files that a look has found; returns the paths of those that were added or changed.

        Without any the start has ended.
        """
        with self._memory.writing_quietly() as tx:
            schedule = schedules.get(tx, schedule_id)
            if not _starts(schedule, run_id):
                return ()
            assert schedule.start is not None
            paths = changed_files(schedule.seen, files)
            start = replace(schedule.start, paths=paths) if paths else None
            schedules.write(tx, replace(schedule, seen=files, start=start, error=""))
            return paths

    def record_begun(self, schedule_id: str, run_id: str, runs: int = 1) -> None:
        """Record that the run of a start has begun: the next one may be started."""
        with self._memory.writing() as tx:
            schedule = schedules.get(tx, schedule_id)
            if _starts(schedule, run_id):
                schedule = replace(schedule, start=None, error="")
                schedules.write(tx, schedule)
                started = f"run {run_id}" if runs == 1 else f"{runs} runs"
                words = f"started {started} of {schedule.starts}"
                _report(tx, schedule, EventKind.SCHEDULE_STARTED, words, run_id=run_id)

    def record_failed_start(self, schedule_id: str, run_id: str, error: str) -> None:
        """Record that a run could not be started. The schedule goes on.

        Looks at files that fail in the same way one after another are one event.
        """
        with self._memory.writing() as tx:
            schedule = schedules.get(tx, schedule_id)
            start = None if _starts(schedule, run_id) else schedule.start
            schedules.write(tx, replace(schedule, start=start, error=error))
            if schedule.polling is None or schedule.error != error:
                words = f"could not start a run: {error}"
                _report(tx, schedule, EventKind.SCHEDULE_FAILED, words, run_id=run_id)

    def record_failed_run(self, schedule_id: str, run_id: str, error: str) -> None:
        """Record that a run has failed. The schedule goes on."""
        with self._memory.writing() as tx:
            schedule = schedules.get(tx, schedule_id)
            schedules.write(tx, replace(schedule, error=error))
            words = f"run {run_id} failed: {error}"
            _report(tx, schedule, EventKind.SCHEDULE_FAILED, words, run_id=run_id)


def _check_machine(schedule: Schedule) -> None:
    if schedule.machine != machine():
        raise UsageError(
            f"schedule {schedule.name!r} starts its runs on the machine {schedule.machine!r}",
            hint="Enable it there, or create a schedule on this machine.",
        )


def _starts(schedule: Schedule, run_id: str) -> bool:
    return schedule.start is not None and schedule.start.run_id == run_id


def _report(tx: Connection, schedule: Schedule, kind: EventKind, words: str, **data: Any) -> None:
    message = f"schedule {schedule.name!r} {words}"
    events.append(tx, kind, schedule_subject(schedule.id), message, {"name": schedule.name, **data})
