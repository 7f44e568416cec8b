"""The side-bar panel and the status bar: they show what any front does, and the panel's cards can do all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.configuration import InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location
from tests.journeys.accessibility import violations
from tests.support.browser import ARTIFACTS
from tests.support.engines import SCRIPTS, script
from tests.support.jupyter_clients import Client, serving
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

CELLS = [
    "%load_ext mlmagic",
    "%%score_script echo\ndef init():\n    pass\n\ndef run(raw):\n    return raw",
    "%deploy by-magic --script echo",
]


@pytest.fixture
def cells() -> Sequence[str]:
    return CELLS


def test_the_panel_follows_every_front(lab: Client, page: Any, engine: Engine) -> None:
    panel, status = page.locator("#mlmagic-panel"), page.locator(".mlmagic-status")
    status.get_by_text("mlmagic: 1 of 1 healthy").wait_for()
    status.click()
    rows = panel.get_by_role("group", name="Services")
    rows.get_by_role("row", name="by-magic").get_by_text("Healthy").wait_for()

    engine.services.wait(engine.services.deploy("by-sdk", [], script()))
    rows.get_by_role("row", name="by-sdk").get_by_text("Healthy").wait_for()
    command = ["model", "deploy", "-n", "by-command", "--entry-script", str(SCRIPTS / "echo.py")]
    environment = {**os.environ, "MLMAGIC_WORKSPACE": str(engine.location.folder)}
    subprocess.run([sys.executable, "-m", "mlmagic", *command], env=environment, check=True)
    rows.get_by_role("row", name="by-command").get_by_text("Healthy").wait_for()
    panel.get_by_text("3 services").wait_for()

    # A row opens the card in place, which can do what a card in a cell can.
    rows.get_by_role("button", name="by-sdk").click()
    card = panel.get_by_role("group", name="Service by-sdk")
    card.get_by_text("Try it").click()
    card.get_by_label("Request body for by-sdk").fill('{"data": [3]}')
    card.get_by_role("button", name="Send").click()
    card.get_by_label("Response of by-sdk").get_by_text("said").wait_for()
    for theme in ("Light", "Dark"):
        lab.use_theme(theme)
        assert violations(page, "#mlmagic-panel") == []
        page.screenshot(path=ARTIFACTS / f"panel-{theme.lower()}.png")
    card.get_by_role("button", name="Delete by-sdk").click()
    card.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    rows.get_by_role("button", name="by-sdk", exact=True).wait_for(state="detached")

    panel.locator("summary", has_text="Models").click()
    models = panel.get_by_role("group", name="Models")
    models.get_by_text("%register OBJECT_OR_PATH --name NAME").wait_for()
    engine.models.register(SCRIPTS / "echo.py", ModelDescription("wine", tags={"area": "shop"}))
    models.get_by_role("button", name="wine:1", exact=True).click()
    models.get_by_label("New tag of wine:1").fill("stage=prod")
    page.keyboard.press("Enter")
    models.get_by_role("button", name="Remove the tag stage=prod of wine:1").wait_for()
    assert violations(page, "#mlmagic-panel") == []
    page.screenshot(path=ARTIFACTS / "panel-models.png")

    # By keyboard alone.
    panel.get_by_label("Filter the services").focus()
    page.keyboard.type("magic")
    panel.get_by_text("1 of 2 services").wait_for()
    rows.get_by_role("button", name="by-magic").focus()
    page.keyboard.press("Enter")
    panel.get_by_role("group", name="Service by-magic").wait_for()


def test_it_shows_itself_at_the_start_where_the_settings_say_so(
    tmp_path: Path, location: Location, page: Any
) -> None:
    settings = tmp_path / "jupyter/settings/mlmagic/plugin.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"showPanel": true}')
    with serving("lab", tmp_path / "jupyter", location) as url:
        page.goto(url)
        page.locator("#mlmagic-panel").get_by_text("No services yet").wait_for()


def test_a_card_in_a_cell_updates_to_the_script_that_its_kernel_captured(
    lab: Client, page: Any, engine: Engine
) -> None:
    """Only the kernel knows that script: the card of the server's half asks the kernel's widget."""
    cell = page.locator(".jp-Notebook-cell").nth(1)
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type(" + '!'")
    page.keyboard.press("Control+Enter")
    lab.until_idle()
    card = page.locator(".jp-Notebook").get_by_role("group", name="Service by-magic")
    card.get_by_role("button", name="Update by-magic").click()
    card.get_by_role("button", name="Update now").click()
    card.get_by_text("revision 2").first.wait_for()
    card.get_by_text("Update of by-magic").wait_for(state="detached")
    wait_for(lambda: engine.requests.score("by-magic", "x") == "x!", "the new script")

    # A kernel that has started anew knows none: the server's half answers.
    page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    lab.until_idle()
    card.get_by_role("button", name="Update by-magic").click()
    card.get_by_text("is up to date").wait_for()


def test_it_says_why_it_is_empty_and_when_a_service_turns_worse(
    lab: Client, page: Any, engine: Engine, tmp_path: Path
) -> None:
    panel, status = page.locator("#mlmagic-panel"), page.locator(".mlmagic-status")
    engine.services.delete("by-magic")
    lab.command("mlmagic:show-services")
    panel.get_by_text("%deploy NAME -m MODEL").wait_for()
    status.wait_for(state="hidden")

    # It serves, its process is killed, and it cannot start again.
    mark = tmp_path / "broken"
    code = f"import os, pathlib\ndef init():\n    if pathlib.Path({str(mark)!r}).exists():\n        1 / 0\n"
    code += "def run(raw):\n    return os.getpid()\n"
    engine.services.wait(engine.services.deploy("fragile", [], InferenceConfig("score.py", script_text=code)))
    status.get_by_text("mlmagic: 1 of 1 healthy").wait_for()
    mark.touch()
    os.kill(engine.requests.score("fragile", "x"), signal.SIGKILL)
    status.get_by_text("1 needs attention").wait_for()
    page.get_by_text("fragile is Unhealthy").first.wait_for()
    page.screenshot(path=ARTIFACTS / "panel-notification.png")
