"""The table of schedules, and which process starts the run of one that is due."""

from __future__ import annotations

import uuid
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from mlmagic.core.schedule import Schedule, ScheduleStatus, Start, read_definition
from mlmagic.errors import NotFound
from mlmagic.workspace.database import schedules
from mlmagic.workspace.identity import ProcessIdentity, machine

_ACTIVE = schedules.c.status == ScheduleStatus.ACTIVE.value


def add(tx: Connection, schedule: Schedule) -> None:
    """Record a new schedule."""
    tx.execute(
        insert(schedules).values(
            id=schedule.id,
            machine=schedule.machine,
            created_time=schedule.created_time,
            **_contents(schedule),
        )
    )


def write(tx: Connection, schedule: Schedule) -> None:
    """Write all that can change of a schedule."""
    tx.execute(update(schedules).where(schedules.c.id == schedule.id).values(**_contents(schedule)))


def get(tx: Connection, schedule_id: str) -> Schedule:
    """The schedule with that id. Raises `NotFound` with the existing ids."""
    row = tx.execute(select(schedules).where(schedules.c.id == schedule_id)).first()
    if row is None:
        raise NotFound("schedule", schedule_id, list(tx.scalars(select(schedules.c.id))))
    return _schedule(row)


def list_schedules(tx: Connection) -> list[Schedule]:
    """All schedules, the oldest first."""
    rows = tx.execute(select(schedules).order_by(schedules.c.created_time, schedules.c.id))
    return [_schedule(row) for row in rows]


def is_anything_to_do(tx: Connection) -> bool:
    """Whether a schedule of this machine is active, or a run of it is being started."""
    query = select(schedules.c.id).where(_is_here(), _ACTIVE | schedules.c.start.is_not(None)).limit(1)
    return tx.execute(query).first() is not None


def next_due(tx: Connection) -> float | None:
    """When the next schedule of this machine is due; None if none is active."""
    due: float | None = tx.scalar(
        select(func.min(schedules.c.next_time)).where(_is_here(), _ACTIVE, schedules.c.start.is_(None))
    )
    return due


def is_claimable(tx: Connection, mark: str, now: float) -> bool:
    """Whether `claim` would find anything."""
    return bool(_claimable(tx, mark, now))


def claim(tx: Connection, mark: str, now: float) -> list[Schedule]:
    """Make ``mark`` the owner of the starts that are due on this machine; returns their schedules.

    Of the processes that try, one gets a start: the time of the next is written in the same transaction. A
    start whose owner has ended is claimed again, with the id of the same run, and so is one that ``mark`` has
    claimed before and could not carry out.
    """
    claimed = []
    for schedule in _claimable(tx, mark, now):
        if schedule.start is not None:
            taken = replace(schedule, start=replace(schedule.start, owner=mark))
        else:
            start = Start(uuid.uuid4().hex, mark)
            taken = replace(schedule, start=start, next_time=schedule.next_after(now))
        write(tx, taken)
        claimed.append(taken)
    return claimed


def _claimable(tx: Connection, mark: str, now: float) -> list[Schedule]:
    is_due = _ACTIVE & schedules.c.start.is_(None) & (schedules.c.next_time <= now)
    rows = tx.execute(select(schedules).where(_is_here(), is_due | schedules.c.start.is_not(None)))
    found = [_schedule(row) for row in rows]
    return [each for each in found if each.start is None or _is_free(each.start.owner, mark)]


def _is_here() -> ColumnElement[bool]:
    return schedules.c.machine == machine()


def _is_free(owner: str, mark: str) -> bool:
    process = ProcessIdentity.owner_of(owner)
    return owner == mark or process is None or process.dead


def _contents(schedule: Schedule) -> dict[str, Any]:
    return {
        "name": schedule.name,
        "status": schedule.status.value,
        "next_time": schedule.next_time,
        "definition": schedule.definition(),
        "start": asdict(schedule.start) if schedule.start else None,
        "seen": dict(schedule.seen),
        "error": schedule.error,
    }


def _schedule(row: Any) -> Schedule:
    return Schedule(
        id=row.id,
        name=row.name,
        created_time=row.created_time,
        machine=row.machine,
        status=ScheduleStatus(row.status),
        next_time=row.next_time,
        start=_start(row.start) if row.start else None,
        seen=row.seen,
        error=row.error,
        **read_definition(row.definition),
    )


def _start(record: Any) -> Start:
    paths = record["paths"]
    return Start(record["run_id"], record["owner"], None if paths is None else tuple(paths))
