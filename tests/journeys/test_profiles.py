"""Profiles and runs in the cells that make them, in the panel, and after the kernel has gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.journeys.accessibility import violations
from tests.support.browser import ARTIFACTS
from tests.support.jupyter_clients import Client

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

RUN = """from mlmagic.sdk.run import Experiment
from mlmagic.sdk.workspace import Workspace
from mlmagic.widgets.run_details import RunDetails
run = Experiment(Workspace(), 'wine').start_logging()
run.log('auc', 0.912)
RunDetails(run).show()"""
CELLS = [
    "%load_ext mlmagic\nmodel = {'slope': 2.0}",
    "%register model --name line --sample [1.0,2.0]",
    "%%score_script line\ndef init():\n    pass\n\ndef run(raw):\n    return raw",
    "%profile line --script line --cpu 0.5,1 --memory 0.5 --seconds 0.5",
    RUN,
    "%profiles",
]


@pytest.fixture
def cells() -> Sequence[str]:
    return CELLS


def test_profiles_and_runs_in_a_browser(lab: Client, page: Any) -> None:
    notebook = page.locator(".jp-Notebook")
    profile = notebook.get_by_role("group", name="Profile", exact=True)
    profile.get_by_text("recommended:").first.wait_for()
    names = [each.get_attribute("aria-label") for each in profile.get_by_role("img").all()]
    assert [str(name).partition(",")[0].partition(":")[0] for name in names] == [
        "Latency",
        "p99 by throughput",
        "CPU in use",
        "Memory in use",
    ]
    assert "NaN" not in str(names)
    run = notebook.get_by_role("group", name="Run", exact=True)
    run.get_by_text("Running for").wait_for()
    table = notebook.get_by_role("group", name="Profiles")
    table.get_by_role("button", name="line", exact=True).click()
    table.get_by_role("img", name="Latency").wait_for()
    assert not any(each.is_visible() for each in page.locator("[class^=mlmagic-static-]").all())

    # The panel shows the same, and follows.
    page.keyboard.press("Control+Alt+M")
    panel = page.locator("#mlmagic-panel")
    for title, row in (("Profiles", "line"), ("Runs", "wine")):
        panel.locator(".mlmagic-panel-section > summary", has_text=title).click()
        panel.locator("tbody").get_by_role("button", name=row).click()
    panel.get_by_role("img", name="Latency").wait_for()
    panel.get_by_text("0.912").last.wait_for()
    for theme in ("Light", "Dark"):
        lab.use_theme(theme)
        assert violations(page) == []
        page.screenshot(path=ARTIFACTS / f"profiles-{theme.lower()}.png")

    # Both outputs carry their data: nobody has to be asked for it.
    lab.save()
    lab.without_kernel()
    profile.get_by_role("img", name="Latency").wait_for()
    run.get_by_text("of experiment wine: Running").wait_for()
