"""`RunDetails`: a run as it is now, and live until it has ended."""

from __future__ import annotations

from typing import Any

import pytest

from mlmagic.core.batch import Tally
from mlmagic.engine.engine import Engine
from mlmagic.sdk.parallel_run import keep_progress, progress_of
from mlmagic.sdk.run import Experiment, Run
from mlmagic.sdk.workspace import Workspace
from mlmagic.widgets import data_card, run_details
from mlmagic.widgets.run_details import RunCard, RunDetails, run_card, run_view

pytestmark = pytest.mark.together


@pytest.fixture
def run(engine: Engine) -> Run:
    return Experiment(Workspace.over(engine), "train").start_logging()


def test_the_card_has_status_metrics_children_and_log(run: Run) -> None:
    run.log_list("loss", [0.5, 0.25])
    run.log("rows", 3)
    child = run.child_run("first")
    child.complete()
    (run.folder / "user_logs").mkdir()
    (run.folder / "user_logs/std_log.txt").write_text("<begins>\n")
    card = run_card(run_view(run))
    text, markup = str(card), card.markup
    for words in (
        "experiment train: Running",
        "0.25 (2 values)",
        "rows    3",
        "first      Completed",
        "<begins>",
    ):
        assert words in text, text
    assert "&lt;begins&gt;" in markup
    assert "<begins>" not in markup


def test_a_batch_job_shows_how_far_it_is(run: Run) -> None:
    child = run.child_run("first")
    assert progress_of(child) == {}
    keep_progress(child, Tally(30, 60, failed_items=2, succeeded_items=22), 6.0)
    view = run_view(run)
    progress = {"done": 24, "items": 60, "failed": 2, "rate": 4, "seconds_left": 9}
    assert view["children"] == [["first", "Running", progress]]
    assert "Running: 24 of 60 items, 2 failed, 4 per second, about 9 s left" in str(run_card(view))


def test_a_failed_run_shows_its_error(run: Run) -> None:
    run.add_properties({"error": "the script failed with exit code 1\n\nValueError: <no>"})
    run.fail()
    assert "ValueError: <no>" in str(run_card(run_view(run)))
    assert 'role="alert"' in run_card(run_view(run)).markup


def test_a_plain_process_prints(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    RunDetails(run).show()
    assert f"Run {run.id} of experiment train: Running" in capsys.readouterr().out


def test_a_notebook_shows_the_run_until_it_has_ended(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    data: list[dict[str, Any]] = []

    class Handle:
        def update(self, card: Any, raw: bool = False) -> None:
            (data if raw else shown).append(card if raw else str(card))

    def display(card: Any, display_id: bool, raw: bool = False) -> Handle:
        made = Handle()
        made.update(card, raw)
        return made

    class Shell:
        kernel = object()

    monkeypatch.setattr(run_details, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(data_card, "display", display)
    for module in (run_details, data_card):
        monkeypatch.setattr(module, "get_ipython", Shell)
    details = RunDetails(run)
    details.show()
    run.log("loss", 0.5)
    run.complete()
    details.wait(10)
    assert "Running" in shown[0]
    assert "Completed" in shown[-1]
    assert "0.5" in shown[-1]
    # What is saved with the notebook is what it was in the end.
    began, ended = (each[RunCard.mime]["run"]["status"] for each in data)
    assert (began, ended) == ("Running", "Completed")
