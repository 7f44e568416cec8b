"""The tables of profiles and of runs: their rows, what a row opens to, and that they follow."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from mlmagic.core.profile import ProfileState
from mlmagic.core.profile_record import record_of
from mlmagic.engine.engine import Engine
from mlmagic.engine.profiles.profiles import KIND
from mlmagic.sdk.run import Experiment
from mlmagic.sdk.workspace import Workspace
from mlmagic.widgets.calls import outcome
from mlmagic.widgets.live_table import LiveTable
from mlmagic.widgets.profiles import ProfileCard, profile_view
from mlmagic.widgets.profiles_grid.live_profiles import LiveProfiles, row
from mlmagic.widgets.run_details import RunCard, run_card, run_view
from mlmagic.widgets.runs_grid import live_runs
from mlmagic.widgets.runs_grid.live_runs import LiveRuns
from mlmagic.workspace import assets
from tests.support.profiles import profile
from tests.support.waiting import wait_for


@pytest.fixture
def tables() -> Iterator[list[LiveTable]]:
    opened: list[LiveTable] = []
    yield opened
    for table in opened:
        table.close_table()


def test_a_profile_is_a_row_with_its_recommendation() -> None:
    found = row(profile())
    assert found["recommended"] == "1 core, 0.4 GB"
    assert found["capacity"] == ["250", 250]
    assert found["p99"] == ["15 ms", 15]


def test_a_profile_without_a_result_has_dashes() -> None:
    found = row(profile(sizes=(), recommendation=None, state=ProfileState.FAILED, error="no\x1b answer"))
    assert (found["capacity"], found["p99"], found["recommended"]) == (["–", None], ["–", None], "")
    assert "\x1b" not in found["words"]


def test_profiles_come_and_open(fake_engine: Engine, tables: list[LiveTable]) -> None:
    table = LiveProfiles(fake_engine)
    tables.append(table)
    assert table.rows == []
    with fake_engine.memory.writing() as tx:
        assets.add(tx, KIND, "p", record_of(profile()))
    table.beat = 0.0  # it is long ago that it was read
    wait_for(lambda: table.rows, "the new profile")
    opened = outcome(table.answers, "details", {"profile": "p"})["value"]
    assert "1 core and 0.4 GB recommended" in opened["headline"]
    assert opened["capacity"] == [["0.5 cores, 1 GB", 100, False], ["1 core, 1 GB", 250, True]]
    assert "Profile not found: 'gone'" in outcome(table.answers, "details", {"profile": "gone"})["error"]


def test_runs_come_and_open(fake_engine: Engine, tables: list[LiveTable]) -> None:
    table = LiveRuns(fake_engine)
    tables.append(table)
    assert table.rows == []
    run = Experiment(Workspace.over(fake_engine), "wine").start_logging()
    run.log("auc", 0.91234567)
    table.beat = 0.0
    wait_for(lambda: table.rows, "the new run")
    (found,) = table.rows
    assert (found["id"], found["experiment"], found["status"]) == (run.id, "wine", "Running")
    opened = outcome(table.answers, "details", {"experiment": "wine", "run": run.id})["value"]
    assert opened["metrics"] == [["auc", "0.912346"]]
    assert opened["running"]
    run.complete()
    table.beat = 0.0
    wait_for(lambda: table.rows[0]["status"] == "Completed", "the end of the run")
    for values in ({"experiment": "wine", "run": "../x"}, {"experiment": "..", "run": run.id}, {}):
        assert "error" in outcome(table.answers, "details", values)


def test_cards_carry_what_they_show(fake_engine: Engine) -> None:
    run = Experiment(Workspace.over(fake_engine), "wine").start_logging()
    run.log("<auc>", 0.5)
    card = RunCard(run_view(run))
    assert card.reference()[RunCard.mime]["run"]["metrics"] == [["<auc>", "0.5"]]
    assert card.reference()[RunCard.mime]["twin"] == card.twin
    assert "&lt;auc&gt;" in run_card(run_view(run)).markup
    shown = ProfileCard(profile_view(profile()))
    assert shown.reference()[ProfileCard.mime]["profile"]["name"] == "p"


def test_of_many_runs_the_newest_are_shown(
    fake_engine: Engine, tables: list[LiveTable], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_runs, "MOST_RUNS", 2)
    workspace = Workspace.over(fake_engine)
    made = [Experiment(workspace, name).start_logging() for name in ("a", "b", "c")]
    made[2].child_run()
    for number, run in enumerate(made):
        os.utime(run._file, (number, number))
    table = LiveRuns(fake_engine)
    tables.append(table)
    assert {each["id"] for each in table.rows} == {made[1].id, made[2].id}
