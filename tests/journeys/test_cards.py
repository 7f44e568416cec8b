"""What a user sees: JupyterLab in a real browser, from deploy to a kernel that is gone.

Screenshots, light and dark, are left in tests/artifacts to be looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mlmagic.engine.engine import Engine
from tests.journeys.themes import ALL_THEMES, check_themes
from tests.support.browser import ARTIFACTS
from tests.support.jupyter_clients import Client

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
    card = page.get_by_role("group", name="Service line-svc")
    # The log is open on a card that was drawn before the service was Healthy, and this one starts in no time.
    card.locator("summary", has_text="Log").evaluate("summary => { summary.parentElement.open = true; }")
    card.get_by_role("log").get_by_text("ready <b>x</b>").wait_for()
    assert card.locator("b").count() == 0
    failed = page.get_by_role("group", name="Service broken-svc")
    failed.get_by_role("group", name="Last error of broken-svc").get_by_text(
        "KeyError: '<i>tall</i>'"
    ).wait_for()
    assert failed.locator("i").count() == 0
    assert failed.get_by_role("button", name="Retry broken-svc").is_enabled()

    # One object for one service: the static cards are there for when the live ones are not.
    static = page.locator("[class^=mlmagic-static-]")
    assert [one.is_visible() for one in static.all()] == [False] * 4

    # Scored from elsewhere: the card lives on, the cell that made it does not.
    metrics = card.locator("[aria-label='Metrics of line-svc']")
    for _ in range(3):
        engine.requests.score("line-svc", {"data": [1]})
    metrics.get_by_text("4", exact=True).wait_for()
    engine.requests.score("line-svc", {"data": [1]})
    metrics.get_by_text("5", exact=True).wait_for()
    chart = card.locator("svg[aria-label^='Traffic (requests/s), ']")
    chart.wait_for()
    assert len(chart.locator("text").all_inner_texts()) >= 5

    for section in ("Try it", "Events", "Details"):
        card.locator("summary", has_text=section).click()
    card.get_by_label("Request body for line-svc").fill('{"data": [3]}')
    card.get_by_role("button", name="Send").click()
    card.get_by_label("Response of line-svc").get_by_text("[6.0]").wait_for()
    lab.command("application:toggle-left-area")
    check_themes(lab, page, "lab", widths=(480, 1024, 1400), height=2400, themes=ALL_THEMES)

    # The kernel goes: the cards live on, as the server's half feeds them.
    lab.restart_kernel_and_save()
    engine.requests.score("line-svc", {"data": [1]})
    metrics.get_by_text("7", exact=True).wait_for()
    card.get_by_role("button", name="Restart line-svc").click()
    card.get_by_text("revision 1").first.wait_for()

    # The notebook is opened anew, and its kernel never started.
    lab.without_kernel()
    metrics.wait_for()
    assert "model not found" not in page.content()
    assert card.get_by_role("button", name="Stop line-svc").is_enabled()
    page.screenshot(path=ARTIFACTS / "lab-after-restart.png")

    # A service is deleted elsewhere: its card says so, and a page that is opened later has the static card.
    engine.services.delete("line-svc")
    card.get_by_text("Deleted").wait_for()
    lab.without_kernel()
    page.get_by_text("Not live: Service not found: 'line-svc'").wait_for()
    static.first.get_by_text("Healthy").wait_for()


@pytest.mark.parametrize("extension", [{"has_extension": False}, {"has_server_half": False}], ids=str)
def test_a_notebook_without_our_extension(lab: Client, page: Any, engine: Engine) -> None:
    """The cards are the kernel's widgets, and say when it is gone; a page opened anew has the static ones."""
    card = page.get_by_role("group", name="Service line-svc")
    static = page.locator("[class^=mlmagic-static-]")
    assert not any(one.is_visible() for one in static.all())
    engine.requests.score("line-svc", {"data": [1]})
    card.locator("[aria-label='Metrics of line-svc']").get_by_text("2", exact=True).wait_for()
    row = page.get_by_role("group", name="Services").get_by_role("row", name="line-svc")
    row.get_by_role("button", name="line-svc").click()
    page.locator("td").get_by_role("group", name="Service line-svc").wait_for()
    lab.restart_kernel_and_save()
    card.first.get_by_text("Not connected: the kernel has stopped").wait_for()
    assert card.first.get_by_role("button", name="Stop line-svc").is_disabled()
    page.screenshot(path=ARTIFACTS / "lab-without-kernel.png")
    lab.open()
    static.first.get_by_text("Healthy").wait_for()
    assert engine.requests.score("line-svc", {"data": [1]}) == [2.0]
