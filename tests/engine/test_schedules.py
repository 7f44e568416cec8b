"""Who starts the runs of schedules, and what is recorded if that fails."""

from __future__ import annotations

import os
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlmagic.core.events import EventKind
from mlmagic.core.recurrence import Recurrence
from mlmagic.core.schedule import Schedule
from mlmagic.engine.engine import Engine
from mlmagic.engine.schedules.starter import ScheduleStarter
from mlmagic.engine.services import daemon
from mlmagic.errors import UsageError
from mlmagic.workspace.identity import ProcessIdentity, machine
from mlmagic.workspace.location import Location
from mlmagic.workspace.memory import Memory
from tests.support.engines import MakeEngine
from tests.support.processes import daemons_of
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes
STARTED = """
import sys
from pathlib import Path
from mlmagic.engine.engine import Engine
from mlmagic.engine.schedules.starter import LOCATION_VARIABLE
from mlmagic.workspace.location import Location
import os
place, schedule, run = sys.argv[1:]
engine = Engine(Location.from_json(os.environ[LOCATION_VARIABLE]), supervise=False, use_daemon=False)
if engine.schedules.take(schedule, run):
    (Path(place) / run).touch(exist_ok=False)
    engine.schedules.record_begun(schedule, run)
"""


@pytest.fixture
def started(tmp_path: Path) -> Path:
    """A folder with a file for each run that was started."""
    folder = tmp_path / "started"
    folder.mkdir()
    return folder


def schedule(*command: str, recurrence: Recurrence | None = None, name: str = "hourly") -> Schedule:
    now = time.time()
    return Schedule(
        str(uuid.uuid4()),
        name,
        "greetings",
        now,
        machine(),
        (sys.executable, *command) if command[0].startswith("-") else command,
        pipeline_id="p",
        recurrence=recurrence or Recurrence.parse("Hour", 1),
        since=now,
    )


def start_due(engine: Engine, late: float = 0.0) -> int:
    """How many runs a starter starts whose clock is ``late`` seconds ahead."""
    mark = ProcessIdentity.current().mark()
    starter = ScheduleStarter(engine.memory, mark, clock=lambda: time.time() + late)
    try:
        return starter.start_due()
    finally:
        starter.close()


def messages(engine: Engine, kind: EventKind) -> list[str]:
    return [event.message for event in engine.events.list() if event.kind is kind]


def test_two_starters_start_a_run_once(make_engine: MakeEngine, started: Path) -> None:
    engine = make_engine(supervise=False)
    made = engine.schedules.create(schedule("-c", STARTED, str(started)))
    assert [start_due(engine) for _ in range(3)] == [1, 0, 0]
    wait_for(lambda: engine.schedules.get(made.id).start is None, "the beginning of the run")
    (run,) = started.iterdir()
    assert messages(engine, EventKind.SCHEDULE_STARTED) == [
        f"schedule 'hourly' started run {run.name} of experiment 'greetings'"
    ]
    assert start_due(engine) == 0
    assert start_due(engine, 3 * 3600) == 1, "one for all the times that were missed"
    wait_for(lambda: engine.schedules.get(made.id).start is None, "the beginning of the next run")
    assert len(list(started.iterdir())) == 2


def test_two_daemons_start_a_run_once(make_engine: MakeEngine, started: Path, location: Location) -> None:
    """One of the daemon, and those of two processes that supervise themselves."""
    engine = make_engine(supervise=False, use_daemon=True)
    first, second = make_engine(), make_engine()
    for each in (first, second):
        each.supervision.ensure()
    start_time = datetime.fromtimestamp(int(time.time() + 2), UTC).replace(tzinfo=None)
    soon = Recurrence.parse("Hour", 1, start_time=start_time)
    made = engine.schedules.create(schedule("-c", STARTED, str(started), recurrence=soon))
    wait_for(lambda: list(started.iterdir()), "the run")
    wait_for(lambda: engine.schedules.get(made.id).start is None, "the beginning of the run")
    assert len(daemons_of(location.folder)) == 1
    assert len(messages(engine, EventKind.SCHEDULE_STARTED)) == 1
    assert len(list(started.iterdir())) == 1
    assert engine.schedules.get(made.id).next_time > time.time() + 3000
    engine.schedules.disable(made.id)
    wait_for(lambda: not daemons_of(location.folder), "the end of the daemon")


def test_a_claim_of_a_process_that_was_killed_is_carried_out(
    make_engine: MakeEngine, started: Path, memory: Memory
) -> None:
    engine = make_engine(supervise=False)
    made = engine.schedules.create(schedule("-c", STARTED, str(started)))
    pid = os.fork()
    if pid == 0:
        from mlmagic.workspace import schedules

        with Memory(engine.location).writing() as tx:
            schedules.claim(tx, ProcessIdentity.of(os.getpid()).mark(), time.time())
        os._exit(0)
    os.waitpid(pid, 0)
    claimed = engine.schedules.get(made.id).start
    assert claimed is not None
    assert start_due(engine) == 1
    wait_for(lambda: engine.schedules.get(made.id).start is None, "the beginning of the run")
    assert [file.name for file in started.iterdir()] == [claimed.run_id]


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (("/nowhere/python",), "/nowhere/python cannot be started: No such file or directory. Create"),
        (("-m", "mlmagic.nowhere"), "its process ended with exit code 1\n\n"),
        (("-c", "import os; os.kill(os.getpid(), 9)"), "its process ended with exit code -9"),
    ],
    ids=["no interpreter", "no module", "killed"],
)
def test_a_start_that_fails_is_reported_and_the_schedule_goes_on(
    make_engine: MakeEngine, command: tuple[str, ...], error: str
) -> None:
    engine = make_engine()
    made = engine.schedules.create(schedule(*command))
    failed = wait_for(lambda: messages(engine, EventKind.SCHEDULE_FAILED), "the report")
    assert len(failed) == 1
    assert failed[0].startswith(f"schedule 'hourly' could not start a run: {error}")
    after = engine.schedules.get(made.id)
    assert (after.start, after.is_active, after.error.startswith(error)) == (None, True, True)
    assert after.next_time > time.time()


def test_a_run_whose_process_is_killed_is_reported(make_engine: MakeEngine, started: Path) -> None:
    engine = make_engine()
    killed = f"{STARTED}\nos.kill(os.getpid(), 9)\n"
    made = engine.schedules.create(schedule("-c", killed, str(started)))
    wait_for(lambda: messages(engine, EventKind.SCHEDULE_FAILED), "the report")
    (run,) = started.iterdir()
    assert messages(engine, EventKind.SCHEDULE_FAILED) == [
        f"schedule 'hourly' run {run.name} failed: its process ended with exit code -9"
    ]
    assert engine.schedules.get(made.id).error == "its process ended with exit code -9"


def test_a_disabled_schedule_starts_nothing(make_engine: MakeEngine, started: Path) -> None:
    engine = make_engine(supervise=False)
    made = engine.schedules.create(schedule("-c", STARTED, str(started)))
    assert daemon.has_work(engine.memory)
    engine.schedules.disable(made.id)
    assert start_due(engine, 9999.0) == 0
    assert not daemon.has_work(engine.memory)
    enabled = engine.schedules.enable(made.id)
    assert enabled.next_time > time.time() + 3000
    assert engine.schedules.enable(made.id) == enabled
    renamed = engine.schedules.update(made.id, name="daily", recurrence=Recurrence.parse("Day", 1))
    assert renamed.next_time == int(renamed.since) + 24 * 3600
    assert messages(engine, EventKind.SCHEDULE_CHANGED) == [
        "schedule 'hourly' was disabled",
        "schedule 'hourly' was enabled",
        "schedule 'daily' was changed",
    ]


def test_a_run_that_was_about_to_start_is_not_started_when_disabled(make_engine: MakeEngine) -> None:
    engine = make_engine(supervise=False)
    made = engine.schedules.create(schedule("-c", "pass"))
    assert start_due(engine) == 1
    start = engine.schedules.get(made.id).start
    assert start is not None
    engine.schedules.disable(made.id)
    assert daemon.has_work(engine.memory)
    assert engine.schedules.take(made.id, start.run_id) is None
    assert not daemon.has_work(engine.memory)


def test_only_its_own_machine_enables_a_schedule(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(supervise=False)
    made = engine.schedules.create(schedule("-c", "pass"))
    engine.schedules.disable(made.id)
    monkeypatch.setattr("mlmagic.engine.schedules.schedules.machine", lambda: "elsewhere")
    with pytest.raises(UsageError, match=rf"starts its runs on the machine '{machine()}'"):
        engine.schedules.enable(made.id)


def test_opening_a_workspace_brings_the_daemon_back(make_engine: MakeEngine, location: Location) -> None:
    """After a restart of the machine, for example."""
    make_engine(supervise=False).schedules.create(
        schedule("-c", "pass", recurrence=Recurrence.parse("Day", 1, start_time="2100-01-01T00:00:00"))
    )
    assert daemons_of(location.folder) == []
    engine = make_engine(supervise=False, use_daemon=True)
    wait_for(lambda: daemons_of(location.folder), "the daemon")
    for each in engine.schedules.list():
        engine.schedules.disable(each.id)
    wait_for(lambda: not daemons_of(location.folder), "its end")
