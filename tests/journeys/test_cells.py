"""Cells: a button that deploys the script of one, and the cell that an error points to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mlmagic.engine.engine import Engine
from mlmagic.errors import InvokeError
from tests.journeys.accessibility import violations
from tests.support.browser import ARTIFACTS
from tests.support.jupyter_clients import Client
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

SCRIPT = "def init():\n    pass\n\ndef run(raw):\n    return 1 / (len(raw) - 1)"
GO_ON = """async ({ button, to, shown }) => {
    const content = window.jupyterapp.shell.currentWidget.content;
    document.querySelector(`button[aria-label="${button}"]`).click();
    content.activeCellIndex = to;
    content.activeCell.editor.focus();
    await content.scrollToItem(shown, "smart");
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    return [content.activeCellIndex, content.widgets.findIndex(cell => cell.editor.hasFocus())];
}"""
"""Push the button that shows the cell ``shown``, and go on to another before that is in view."""
DEPLOY = "Deploy this script as a service"


@pytest.fixture
def cells() -> Sequence[str]:
    return ["a = 1", SCRIPT, "def run(raw):\n    return raw"]


def sources(page: Any) -> list[str]:
    found: list[str] = page.evaluate(
        "[...window.jupyterapp.shell.currentWidget.model.cells].map(cell => cell.sharedModel.getSource())"
    )
    return found


def test_a_script_is_deployed_by_its_cells_button_and_its_error_shows_the_cell(
    lab: Client, page: Any, engine: Engine
) -> None:
    shown = page.locator(".jp-Notebook-cell")
    button = page.get_by_role("button", name=DEPLOY)
    shown.nth(2).locator(".cm-content").click()
    page.locator(".jp-cell-toolbar").last.wait_for()
    assert not any(one.is_visible() for one in button.all()), "this cell is half a script"
    shown.nth(1).locator(".cm-content").click()
    button.locator("visible=true").click()

    card = page.locator(".jp-Notebook").get_by_role("group", name="Service score")
    card.get_by_role("status", name="State of score").get_by_text("Healthy").wait_for()
    # What was done is in the notebook, to be run again.
    assert sources(page)[1:4] == [
        "%load_ext mlmagic",
        f"%%score_script score\n{SCRIPT}",
        "%deploy score --script score",
    ]

    # The cell says who serves it.
    script = shown.nth(2)
    script.get_by_text("Served by score").wait_for()
    assert page.locator(".mlmagic-mark").count() == 1

    # A request fails; its traceback leads to the line.
    with pytest.raises(Exception, match="ZeroDivisionError"):
        engine.requests.score("score", 0)
    card.get_by_role("button", name="Show the cell of the error of score").click()
    page.wait_for_function("window.jupyterapp.shell.currentWidget.content.activeCellIndex === 2")
    selected = "window.jupyterapp.shell.currentWidget.content.activeCell.editor.getSelection().start.line"
    page.wait_for_function(f"{selected} === 5")
    page.screenshot(path=ARTIFACTS / "show-the-cell.png")

    # Somebody who has gone on to another cell meanwhile stays there.
    gone_on = page.evaluate(GO_ON, {"button": "Show the cell of the error of score", "to": 3, "shown": 2})
    assert gone_on == [3, 3]
    shown.nth(2).locator(".cm-content").click()
    page.keyboard.press("Control+Home")
    for _ in range(5):
        page.keyboard.press("ArrowDown")

    # The cell is edited, and says so: its button updates the service.
    page.keyboard.type("    return 'mended'\n")
    script.get_by_text("Edited since score was deployed").wait_for()
    assert violations(page, ".mlmagic-mark") == []
    page.screenshot(path=ARTIFACTS / "edited-since.png")
    script.get_by_role("button", name="Update score").click()
    page.wait_for_function(
        "[...window.jupyterapp.shell.currentWidget.model.cells].some("
        "cell => cell.sharedModel.getSource() === '%update score --script score')"
    )
    wait_for(  # the new cell may not have begun yet
        lambda: engine.requests.score("score", 0) == "mended",
        "the answer of the new script",
        ignoring=(InvokeError,),
    )
    script.get_by_text("Served by score").wait_for()
