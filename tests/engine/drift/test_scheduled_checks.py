"""Drift checks on a schedule, started as the daemon starts them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlmagic.core.events import EventKind
from mlmagic.core.schedule import ScheduleStatus
from mlmagic.engine.engine import Engine
from mlmagic.engine.schedules.starter import ScheduleStarter
from mlmagic.errors import NotFound
from mlmagic.sdk.drift_check import DriftCheck
from mlmagic.sdk.exceptions import UserErrorException
from mlmagic.sdk.schedule import Schedule
from mlmagic.sdk.workspace import Workspace
from mlmagic.workspace import services
from mlmagic.workspace.identity import ProcessIdentity
from tests.support.collected import write_collected
from tests.support.engines import ON_FAKE, MakeEngine, script
from tests.support.waiting import wait_for

pytestmark = pytest.mark.processes
RANDOM = np.random.default_rng(1)


@pytest.fixture
def engine(make_engine: MakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """With the service ``svc``, whose inputs have drifted from the file ``train.csv``."""
    monkeypatch.chdir(tmp_path)
    made = make_engine(supervise=False)
    made.services.deploy("svc", [], script(), ON_FAKE)
    pd.DataFrame({"age": RANDOM.normal(50, 10, 200)}).to_csv("train.csv", index=False)
    write_collected(pd.DataFrame({"age": RANDOM.normal(70, 10, 100)}), None, made.location.collected_folder)
    return made


@pytest.fixture
def starter(engine: Engine) -> Iterator[ScheduleStarter]:
    """A starter whose clock is three days ahead."""
    ahead = 3 * 86400
    made = ScheduleStarter(engine.memory, ProcessIdentity.current().mark(), clock=lambda: time.time() + ahead)
    yield made
    made.close()


def start(engine: Engine, starter: ScheduleStarter) -> None:
    """Start what is due, and wait for its end."""
    assert starter.start_due() == 1
    wait_for(lambda: all(each.start is None for each in engine.schedules.list()), "the end of the check")


def test_a_scheduled_check_is_recorded_and_replaced_and_stopped(
    engine: Engine, starter: ScheduleStarter
) -> None:
    workspace = Workspace.over(engine)
    DriftCheck.schedule(workspace, "svc", "train.csv", "1h")
    DriftCheck.schedule(workspace, "svc", "train.csv", "1d", threshold="0.25")
    assert Schedule.list(workspace) == [], "those of pipelines only"
    active = engine.schedules.of_drift("svc")
    assert active is not None
    assert active.drift_check["every"] == "1d"
    start(engine, starter)
    report = engine.drift.get("svc")
    assert (report.drifted, report.rule.threshold, report.version) == (True, 0.25, 1)
    started = [each.message for each in engine.events.list() if each.kind is EventKind.SCHEDULE_STARTED]
    assert "of the drift check of service 'svc'" in started[0]
    DriftCheck.stop_schedule(workspace, "svc")
    assert engine.schedules.of_drift("svc") is None
    assert starter.start_due() == 0
    with pytest.raises(UserErrorException, match="not found: 'svc'"):
        DriftCheck.stop_schedule(workspace, "svc")


def test_a_scheduled_check_with_a_baseline_of_earlier_requests(
    engine: Engine, starter: ScheduleStarter
) -> None:
    workspace = Workspace.over(engine)
    for options, words in (
        ({"baseline_until": "1d"}, "no data of 'svc' was collected before"),
        ({"baseline_until": "1h"}, "baseline_until '1h' is after 1d"),
        ({}, "a drift check needs a baseline"),
    ):
        with pytest.raises(UserErrorException, match=words):
            DriftCheck.schedule(workspace, "svc", None, "1d", **options)
    before = pd.DataFrame({"age": RANDOM.normal(50, 10, 200)})
    write_collected(before, datetime.now(UTC) - timedelta(days=3), engine.location.collected_folder)
    DriftCheck.schedule(workspace, "svc", None, "1d", baseline_since="7d")
    start(engine, starter)
    report = engine.drift.get("svc")
    assert (report.drifted_features, report.baseline_rows, report.rows) == (["age"], 200, 100)
    assert report.baseline.startswith("the requests of ")
    DriftCheck.stop_schedule(workspace, "svc")


def test_a_check_that_fails_is_reported_and_the_schedule_goes_on(
    engine: Engine, starter: ScheduleStarter
) -> None:
    DriftCheck.schedule(Workspace.over(engine), "svc", "train.csv", "1d")
    Path("train.csv").unlink()
    start(engine, starter)
    schedule = engine.schedules.of_drift("svc")
    assert schedule is not None
    assert "train.csv" in schedule.error
    assert engine.drift.list() == []


def test_the_schedule_ends_with_its_service(engine: Engine, starter: ScheduleStarter) -> None:
    DriftCheck.schedule(Workspace.over(engine), "svc", "train.csv", "1d")
    with engine.memory.writing() as tx:  # without a supervisor, which would start the check itself
        services.remove(tx, services.get(tx, "svc"), "deleted")
    start(engine, starter)
    assert [each.status for each in engine.schedules.list()] == [ScheduleStatus.DISABLED]


def test_what_cannot_be_scheduled_is_refused(engine: Engine) -> None:
    workspace = Workspace.over(engine)
    for service, baseline, every, words in (
        ("svc", pd.DataFrame({"age": [1]}), "1d", "must be a registered dataset or a path"),
        ("svc", "train.csv", "daily", "must be a number of minutes, hours, days or weeks"),
        ("svc", "none.csv", "1d", "not found: 'none.csv'"),
        ("none", "train.csv", "1d", "Service not found: 'none'"),
    ):
        with pytest.raises((UserErrorException, NotFound), match=words):
            DriftCheck.schedule(workspace, service, baseline, every)  # type: ignore[arg-type]
    assert engine.schedules.list() == []
