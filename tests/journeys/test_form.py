"""The deploy form as a user sees it: JupyterLab in a real browser, by labels.

Screenshots, light and dark, wide and narrow, are left in tests/artifacts to be looked at.
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
    "%register model --name line",
    "%%score_script line\ndef init():\n    pass\n\ndef run(raw):\n    return raw",
    "%deploy",
]
BROKEN = [
    CELLS[0],
    "%%score_script line\ndef init():\n    print('loading')\n    raise KeyError('weights')\n"
    "\ndef run(raw): ...",
    "%deploy",
]
LINE = "%deploy line-svc -m line:1 --script line --target local --tag team=x"


@pytest.fixture
def cells() -> Sequence[str]:
    return CELLS


def sources(page: Any) -> list[str]:
    """The sources of the notebook's cells."""
    found = page.evaluate(
        "[...window.jupyterapp.shell.currentWidget.model.cells].map(cell => cell.sharedModel.getSource())"
    )
    return list(found)


def open_section(page: Any, title: str) -> None:
    page.locator("summary", has_text=f"{title}:").click()


def test_a_form_in_a_browser(lab: Client, page: Any, engine: Engine) -> None:
    # Every part is found by what a screen reader reads out; what has a usual value is folded.
    name = page.get_by_label("Service name")
    deploy = page.get_by_role("button", name="Deploy", exact=True)
    assert name.input_value() == "line-svc"
    assert page.get_by_label("Model", exact=True).input_value() == "line"
    for label in ("Script", "Compute target"):
        assert page.get_by_label(label, exact=True).count() == 1, label
    assert not page.get_by_label("CPU cores", exact=True).is_visible()
    assert page.get_by_text("A form to deploy a service").is_hidden()
    page.locator("summary", has_text="Resources: 0.1 cores, 0.5 GB").wait_for()

    # A problem appears when the field loses the focus.
    name.press("End")
    name.press_sequentially("_")
    assert page.get_by_text("service name 'line-svc_' must be").count() == 0
    name.press("Tab")
    page.get_by_text("service name 'line-svc_' must be").wait_for()
    page.get_by_text("To deploy, correct: Service name.").wait_for()
    deploy.click()
    assert name.evaluate("input => input === document.activeElement")
    assert engine.services.list() == []
    page.screenshot(path=ARTIFACTS / "form-problem.png")
    name.press("End")
    name.press("Backspace")
    page.get_by_text("To deploy, correct").wait_for(state="hidden")
    open_section(page, "Description and tags")
    page.get_by_label("Description", exact=True).fill("for <b>all</b>")
    page.get_by_label("Tags", exact=True).fill("team=x")
    page.locator("summary", has_text="Description and tags: Description: for <b>all</b>").wait_for()
    for section in ("Resources", "Access", "Environment", "Behaviour", "Profile"):
        open_section(page, section)
    page.locator("summary", has_text="Equivalent code").click()
    page.locator("pre", has_text=f"{LINE} --description {{'for <b>all</b>'}}").wait_for()

    check_themes(lab, page, "form", widths=(1400, 1024, 480), height=1600, themes=ALL_THEMES)
    page.set_viewport_size({"width": 1280, "height": 900})

    # The code comes into a new cell at once.
    page.get_by_role("button", name="Insert as a new cell").click()
    page.get_by_text("Inserted below this cell.").wait_for()
    assert sources(page)[CELLS.index("%deploy") + 1] == f"{LINE} --description {{'for <b>all</b>'}}"

    # The card of the service comes above the form, which folds.
    deploy.focus()
    page.keyboard.press("Enter")
    card = page.get_by_role("group", name="Service line-svc")
    card.get_by_text("Healthy").first.wait_for()
    page.locator("summary", has_text="Change and deploy again").wait_for()
    assert name.is_hidden()
    assert card.bounding_box()["y"] >= 0
    assert engine.services.get("line-svc").tags == {"team": "x"}
    static = page.locator("[class^=mlmagic-static-]")
    assert not any(each.is_visible() for each in static.all())
    page.screenshot(path=ARTIFACTS / "form-deployed.png")

    # The kernel goes and the page is opened anew: the card lives on, and the form says what it needs.
    lab.restart_kernel_and_save()
    lab.open()
    card.get_by_text("Healthy").first.wait_for()
    page.get_by_text("This deploy form has no kernel any more. Run the cell again.").wait_for()
    assert page.get_by_text("model not found").count() == 0
    page.screenshot(path=ARTIFACTS / "form-without-kernel.png")


def test_a_decimal_number_is_read_as_it_is_typed(lab: Client, page: Any) -> None:
    open_section(page, "Resources")
    memory, cores = page.get_by_label("Memory (GB)", exact=True), page.get_by_label("CPU cores", exact=True)
    for box, typed in ((memory, "1.5"), (memory, "0.5"), (memory, "0.25"), (cores, "2"), (cores, "0.75")):
        box.press("Control+a")
        box.press_sequentially(typed, delay=150)  # so slowly that the kernel answers between the keys
        assert box.input_value() == typed
    page.locator("summary", has_text="Resources: 0.75 cores, 0.25 GB").wait_for()
    memory.press("Control+a")
    memory.press_sequentially("0,5")
    memory.press("Tab")
    page.get_by_text("memory_gb '0,5' must be a number. Write 0.5, with a point").wait_for()


@pytest.mark.parametrize("cells", [BROKEN], ids=["broken"])
def test_a_deploy_that_fails_has_a_card_with_its_log(lab: Client, page: Any, cells: Sequence[str]) -> None:
    page.get_by_role("button", name="Deploy", exact=True).click()
    card = page.get_by_role("group", name="Service line-svc")
    card.get_by_text("Failed").first.wait_for()
    card.get_by_role("button", name="Retry line-svc").wait_for()
    card.get_by_text("loading").first.wait_for()
    assert page.get_by_label("Service name").is_visible()  # to change something
    page.screenshot(path=ARTIFACTS / "form-failed.png")
