"""Keys that Jupyter takes for commands on cells, and that choices, rows and logs in an output need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.jupyter_clients import Client

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

CELLS = [
    "%load_ext mlmagic\nmodel = {'slope': 2.0}",
    "%register model --name line\n%register model --name other",
    "%%score_script line\ndef init():\n    pass\n\ndef run(raw):\n    return raw",
    "%deploy",
    "%models",
]
CELL = "window.jupyterapp.shell.currentWidget.content"


@pytest.fixture
def cells() -> Sequence[str]:
    return CELLS


def focused(page: Any) -> str:
    return str(page.evaluate("document.activeElement.innerText"))


def test_choices_and_rows_have_their_keys(lab: Client, page: Any) -> None:
    page.locator("summary", has_text="Resources:").click()
    size = page.get_by_label("CPU and memory", exact=True)
    size.focus()
    page.keyboard.press("ArrowDown")
    page.locator("summary", has_text="Resources: 0.5 cores, 1 GB").wait_for()
    page.keyboard.press("1")  # the next one that begins so
    page.locator("summary", has_text="Resources: 1 core, 2 GB").wait_for()
    page.keyboard.press("x")  # cuts a cell, where it is Jupyter's
    assert page.evaluate(f"{CELL}.widgets.length") == len(CELLS)
    page.locator("summary", has_text="Behaviour:").click()
    live = page.get_by_label("Live reload: re-running the cell updates the service")
    live.focus()
    page.keyboard.press("Space")
    assert live.is_checked()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.classList.contains('jp-Cell')")

    models = page.get_by_role("group", name="Models")
    models.get_by_role("button", name="line:1").focus()
    page.keyboard.press("ArrowDown")
    assert focused(page) == "other:1"
    page.keyboard.press("ArrowUp")
    assert focused(page) == "line:1"
    page.keyboard.press("Control+Alt+M")  # with a modifier a key is Jupyter's
    page.locator("#mlmagic-panel").wait_for()
