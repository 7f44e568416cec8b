from __future__ import annotations

import os
from dataclasses import replace

import pytest
from sqlalchemy import delete, inspect

from mlmagic.core.recurrence import Recurrence
from mlmagic.core.schedule import Polling, Schedule, ScheduleStatus, Start, changed_files
from mlmagic.core.time_zones import TimeZone
from mlmagic.errors import InvalidConfig, NotFound
from mlmagic.workspace import schedules
from mlmagic.workspace.connection import Database
from mlmagic.workspace.database import migrations
from mlmagic.workspace.database import schedules as table
from mlmagic.workspace.identity import ProcessIdentity, machine
from mlmagic.workspace.memory import Memory

DEAD = ProcessIdentity(machine(), os.getpid(), "1.0").mark()
"""Of an earlier process with this one's pid."""
ALIVE = ProcessIdentity.current().mark()
SUPERVISOR = ProcessIdentity.current().mark()
HOURLY = Schedule(
    "a",
    "hourly",
    "greetings",
    1000.0,
    machine(),
    ("python", "-m", "module"),
    pipeline_id="p",
    recurrence=Recurrence.parse("Hour", 1),
    since=1000.0,
    next_time=1000.0,
)
FULL = replace(
    HOURLY,
    id="b",
    pipeline_id=None,
    pipeline_endpoint_id="e",
    recurrence=None,
    polling=Polling("store", 7, "in/rows", "data"),
    description="all fields",
    pipeline_parameters={"rate": 0.5, "names": ["x"]},
    continue_on_step_failure=True,
    status=ScheduleStatus.DISABLED,
    next_time=5000.0,
    start=Start("run", ALIVE, ("in/rows/a.csv",)),
    seen={"in/rows/a.csv": "1 2"},
    error="no such table",
)


def add(memory: Memory, *given: Schedule) -> None:
    with memory.writing() as tx:
        for each in given:
            schedules.add(tx, each)


def claim(memory: Memory, now: float, mark: str = SUPERVISOR) -> list[Schedule]:
    with memory.writing() as tx:
        is_claimable = schedules.is_claimable(tx, mark, now)
        found = schedules.claim(tx, mark, now)
    assert is_claimable == bool(found)
    return found


def test_all_of_it_is_read_as_it_was_written(memory: Memory) -> None:
    zoned = Recurrence.parse(
        "Week", 2, "2030-01-31T08:00:00", TimeZone.TokyoStandardTime, [8, 9], [15], ["Friday", "Monday"]
    )
    given = [HOURLY, FULL, replace(HOURLY, id="c", recurrence=zoned, created_time=2000.0)]
    add(memory, *given)
    with memory.reading() as tx:
        assert schedules.list_schedules(tx) == given
        assert schedules.get(tx, "b") == FULL
        with pytest.raises(NotFound, match=r"Schedule not found: 'x'"):
            schedules.get(tx, "x")


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        ({}, True),
        ({"next_time": 1001.0}, False),
        ({"status": ScheduleStatus.DISABLED}, False),
        ({"machine": "elsewhere"}, False),
        ({"start": Start("run", ALIVE)}, False),
        ({"start": Start("run", "elsewhere@1-1.00.abc")}, False),
        ({"start": Start("run", DEAD)}, True),
        ({"start": Start("run", SUPERVISOR)}, True),
        ({"start": Start("run", DEAD), "machine": "elsewhere"}, False),
        ({"start": Start("run", DEAD), "next_time": 9000.0, "status": ScheduleStatus.DISABLED}, True),
    ],
)
def test_what_is_due_is_claimed(memory: Memory, changes: dict[str, object], due: bool) -> None:
    add(memory, replace(HOURLY, **changes))  # type: ignore[arg-type]
    assert [each.id for each in claim(memory, 1000.0)] == (["a"] if due else [])


def test_one_process_claims_a_start_and_the_next_time_is_that_of_the_recurrence(memory: Memory) -> None:
    add(memory, HOURLY)
    (claimed,) = claim(memory, 1000.0)
    assert claimed.start is not None
    assert (claimed.start.owner, claimed.next_time) == (SUPERVISOR, 4600.0)
    assert claim(memory, 1000.0, ALIVE) == []
    assert claim(memory, 9000.0, ALIVE) == [], "the run has not begun"
    with memory.writing() as tx:
        schedules.write(tx, replace(claimed, start=None))
    assert claim(memory, 4599.0, ALIVE) == []
    (again,) = claim(memory, 4600.0, ALIVE)
    assert again.start is not None
    assert again.start.run_id != claimed.start.run_id


def test_missed_times_are_one_start(memory: Memory) -> None:
    add(memory, HOURLY)
    (claimed,) = claim(memory, 1000.0 + 5.5 * 3600)
    assert claimed.next_time == 1000.0 + 6 * 3600


def test_a_start_whose_owner_has_ended_is_repeated_for_the_same_run(memory: Memory) -> None:
    add(memory, replace(HOURLY, start=Start("run", DEAD, ("x",)), next_time=9000.0))
    (claimed,) = claim(memory, 1000.0)
    assert claimed.start == Start("run", SUPERVISOR, ("x",))
    assert claimed.next_time == 9000.0


@pytest.mark.parametrize(
    ("changes", "to_do", "due"),
    [
        ({}, True, 1000.0),
        ({"status": ScheduleStatus.DISABLED}, False, None),
        ({"status": ScheduleStatus.DISABLED, "start": Start("run", ALIVE)}, True, None),
        ({"start": Start("run", ALIVE)}, True, None),
        ({"machine": "elsewhere"}, False, None),
    ],
)
def test_when_a_supervisor_is_needed(
    memory: Memory, changes: dict[str, object], to_do: bool, due: float | None
) -> None:
    with memory.reading() as tx:
        assert (schedules.is_anything_to_do(tx), schedules.next_due(tx)) == (False, None)
    add(memory, replace(HOURLY, **changes))  # type: ignore[arg-type]
    with memory.reading() as tx:
        assert (schedules.is_anything_to_do(tx), schedules.next_due(tx)) == (to_do, due)


def test_a_workspace_of_an_earlier_version_gets_the_table(memory: Memory) -> None:
    with memory.writing() as tx:
        table.drop(tx)
        tx.execute(delete(migrations).where(migrations.c.name == "m009_schedules"))
    database = Database(memory.location.database_url)
    with database.reading() as tx:
        assert inspect(tx).has_table("schedules")
    database.close()
    add(memory, HOURLY)


@pytest.mark.parametrize(
    ("before", "now", "changed"),
    [
        ({}, {}, ()),
        ({"a": "1"}, {"a": "1"}, ()),
        ({"a": "1"}, {}, ()),
        ({"a": "1"}, {"a": "2", "c": "1", "b": "1"}, ("a", "b", "c")),
    ],
)
def test_which_files_have_changed(
    before: dict[str, str], now: dict[str, str], changed: tuple[str, ...]
) -> None:
    assert changed_files(before, now) == changed


@pytest.mark.parametrize("minutes", [0, -1, 72_001, 1.5, True])
def test_how_often_files_are_looked_at_is_checked(minutes: int) -> None:
    with pytest.raises(InvalidConfig, match=r"polling_interval .* must be a whole number of minutes"):
        Polling("store", minutes)


def test_when_files_are_looked_at() -> None:
    polling = replace(HOURLY, recurrence=None, polling=Polling("store", 5))
    assert polling.first_time == 1300.0
    assert polling.next_after(1300.0) == 1600.0
