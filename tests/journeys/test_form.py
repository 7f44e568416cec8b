"""The deploy form as a user sees it: JupyterLab in a real browser, by keyboard and by labels.

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
    "%register model --name line",
    "%%score_script line\ndef init():\n    pass\n\ndef run(raw):\n    return raw",
    "%deploy",
]


@pytest.fixture
def cells() -> Sequence[str]:
    return CELLS


def test_a_form_in_a_browser(lab: Client, page: Any, engine: Engine) -> None:
    # Every part is found by what a screen reader reads out.
    name = page.get_by_label("Service name")
    deploy = page.get_by_role("button", name="Deploy", exact=True)
    assert name.input_value() == "line-svc"
    for label in (
        "Script",
        "Environment",
        "Compute target",
        "CPU and memory",
        "CPU cores",
        "Authentication",
        "Description",
    ):
        assert page.get_by_label(label, exact=True).count() == 1, label

    # As one types, without leaving the field.
    name.press("End")
    name.press_sequentially("_")
    page.get_by_text("service name 'line-svc_' must be").wait_for()
    page.get_by_text("To deploy, correct: Service.").wait_for()
    assert deploy.is_disabled()
    name.press("Backspace")
    page.wait_for_function("!document.body.innerText.includes('To deploy, correct')")
    page.get_by_label("Description", exact=True).fill("for <b>all</b>")
    page.get_by_label("More settings").check()
    page.get_by_label("Tags", exact=True).fill("team=x")
    line = "%deploy line-svc -m line:1 --script line --target local --tag team=x"
    page.locator("pre", has_text=f"{line} --description {{'for <b>all</b>'}}").wait_for()

    for theme in ("Light", "Dark"):
        lab.use_theme(theme)
        assert violations(page) == []
        page.screenshot(path=ARTIFACTS / f"form-{theme.lower()}.png")

    # The line comes below the next cell that runs.
    page.get_by_role("button", name="Insert into the notebook").click()
    page.get_by_text("Run any cell: the line is inserted below it.").wait_for()
    page.evaluate("window.jupyterapp.shell.currentWidget.content.activeCellIndex = 0")
    lab.command("notebook:run-cell")
    page.wait_for_function(
        "[...window.jupyterapp.shell.currentWidget.model.cells].some("
        "cell => cell.sharedModel.getSource().startsWith('%deploy line-svc'))"
    )

    # The form becomes the live card; the static card above it is there for when the live one is not.
    deploy.focus()
    page.keyboard.press("Enter")
    name.wait_for(state="detached")
    assert engine.services.get("line-svc").tags == {"team": "x"}
    page.get_by_role("group", name="Service line-svc").get_by_text("Healthy").first.wait_for()
    static = page.locator("[class^=mlmagic-static-]")
    assert not static.is_visible()
    assert page.get_by_text("A form to deploy a service.").count() == 0
    page.screenshot(path=ARTIFACTS / "form-deployed.png")

    # The kernel goes and the page is opened anew: the card of the service is still there.
    lab.restart_kernel_and_save()
    lab.open()
    static.get_by_text("Healthy").wait_for()


def test_a_decimal_number_is_read_as_it_is_typed(lab: Client, page: Any) -> None:
    memory, cores = page.get_by_label("Memory (GB)", exact=True), page.get_by_label("CPU cores", exact=True)
    for box, typed in ((memory, "1.5"), (memory, "0.5"), (memory, "0.25"), (cores, "2"), (cores, "0.75")):
        box.press("Control+a")
        box.press_sequentially(typed, delay=150)  # so slowly that the kernel answers between the keys
        assert box.input_value() == typed
    page.locator("pre", has_text="--target local --cpu 0.75 --memory 0.25").wait_for()
    memory.press("Control+a")
    memory.press_sequentially("0,5")
    page.get_by_text("memory_gb '0,5' must be a number. Write 0.5, with a point").wait_for()
