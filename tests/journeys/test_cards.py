"""What a user sees: JupyterLab in a real browser, from deploy to a kernel that is gone.

Screenshots, light and dark, are left in tests/artifacts to be looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mlmagic.engine.engine import Engine
from tests.journeys.accessibility import violations
from tests.journeys.jupyter import Client
from tests.support.browser import ARTIFACTS

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

CELLS = [
    "%load_ext mlmagic\nmodel = {'slope': 2.0}",
    "%register model --name line --tag area=test",
    """%%score_script line
import joblib, json, os

def init():
    global slope
    folder = os.environ["AZUREML_MODEL_DIR"]
    slope = joblib.load(os.path.join(folder, "model.pkl"))["slope"]
    print("ready <b>x</b>")

def run(raw):
    return [slope * x for x in json.loads(raw)["data"]]""",
    "svc = %deploy line-svc -m line:1",
    '%score line-svc {"data": [1, 2]}',
    "%models",
    "%services",
    "%%score_script broken\ndef init():\n    {}['<i>tall</i>']\n\ndef run(raw):\n    return raw",
    "%deploy broken-svc --script broken",
]


@pytest.fixture
def cells() -> Sequence[str]:
    return CELLS


def test_a_notebook_in_a_browser(lab: Client, page: Any, engine: Engine) -> None:
    # A log and a traceback are text, whatever they contain.
    panel = page.locator(".jp-OutputArea .widget-vbox").first
    panel.locator("pre", has_text="ready <b>x</b>").wait_for()
    assert panel.locator("b").count() == 0
    failed = page.locator(".jp-OutputArea-child", has_text="broken-svc").first
    assert "KeyError: '<i>tall</i>'" in failed.inner_text()
    assert failed.locator("i").count() == 0

    # Scored from elsewhere: the panel lives on, the cell that made it does not.
    for _ in range(3):
        engine.requests.score("line-svc", {"data": [1]})
    panel.get_by_text("4 requests").wait_for()
    engine.requests.score("line-svc", {"data": [1]})
    panel.get_by_text("5 requests").wait_for()
    assert panel.locator("svg[aria-label]").count() == 1

    for theme in ("Light", "Dark"):
        lab.use_theme(theme)
        assert violations(page) == []
        page.screenshot(path=ARTIFACTS / f"lab-{theme.lower()}.png")

    # The kernel goes and the page is opened anew: the plain card is still there.
    lab.restart_kernel_and_save()
    lab.open()
    card = page.locator(".jp-OutputArea-child", has_text="line-svc").first
    card.get_by_text("Healthy").wait_for()
    page.screenshot(path=ARTIFACTS / "lab-after-restart.png")
    assert engine.requests.score("line-svc", {"data": [1]}) == [2.0]
