"""From a model to a service and back, on the wheel as a user installs it: by keyboard alone, and by mouse.

What axe-core finds is asked at each station, and a picture taken: they are left in tests/artifacts.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location
from tests.journeys.accessibility import violations
from tests.journeys.keyboard import Keyboard
from tests.journeys.mouse import Mouse
from tests.support.browser import ARTIFACTS, pictured
from tests.support.jupyter_clients import NEWEST, NOTEBOOK, Client, serving

pytestmark = [pytest.mark.processes, pytest.mark.timeout(420)]

SCRIPT = """%%score_script line
import json, os, pickle

def init():
    global slope
    folder = os.environ["AZUREML_MODEL_DIR"]
    with open(os.path.join(folder, "model.pkl"), "rb") as file:
        slope = pickle.load(file)["slope"]
    print("ready")

def run(raw):
    return [slope * x for x in json.loads(raw)["data"]]"""
LINE = "%deploy line-svc -m line:1 --script line"
BROKEN = SCRIPT.replace("slope * x", "slope['<i>tall</i>'] * x")
PROFILE_SECONDS = 240
PICTURES = Path(__file__).parent / "pictures" if os.environ.get("MLMAGIC_PICTURES") else ARTIFACTS
"""Those of the README are made anew where that is asked for."""
Hand = Keyboard | Mouse
HANDS: Mapping[str, type[Hand]] = {"keyboard": Keyboard, "mouse": Mouse}
Station = Callable[..., None]
"""Takes the station's name, and the output that a picture of its own is made of, if any."""


@pytest.mark.parametrize("hands", HANDS)
@pytest.mark.parametrize(
    ("python", "client"),
    [("4.4", "lab"), ("4.5", "lab"), (NEWEST, "lab"), (NEWEST, "notebook")],
    indirect=["python"],
)
def test_the_whole_journey(
    client: str, hands: str, python: str, tmp_path: Path, location: Location, engine: Engine, page: Any
) -> None:
    with (
        serving(client, tmp_path / "jupyter", location, python=python) as url,
        pictured(page, f"{client}-{hands}"),
    ):
        opened = Client(page, url)
        opened.open()
        stations = 0

        def station(name: str, output: Any = None) -> None:
            nonlocal stations
            stations += 1
            assert violations(page) == [], name
            page.screenshot(path=ARTIFACTS / f"{client}-{hands}-{stations}-{name}.png")
            if output is not None and client == "lab":
                output.screenshot(path=PICTURES / f"{name}.png")

        hand = HANDS[hands](page)
        cell = _fill_in_the_form(hand, station)
        output = page.locator(".jp-Notebook-cell").nth(cell).locator(".jp-OutputArea")
        _profile(hand, cell, output, station)
        _deploy_and_try(hand, cell, output, station)
        _break_and_mend(hand, cell, output, station)
        _open_again(opened, output, station)
        _read_without_network(tmp_path / "jupyter" / "root" / NOTEBOOK, page)
        _delete(hand, engine, station)


def _fill_in_the_form(hand: Hand, station: Station) -> int:
    """Returns the number of the form's cell."""
    hand.run("%load_ext mlmagic\nmodel = {'slope': 2.0}")
    hand.run("%register model --name line --tag area=test --sample [1.0,2.0]")
    hand.run(SCRIPT)
    cell = hand.run("%deploy")
    output = hand.page.locator(".jp-Notebook-cell").nth(cell).locator(".jp-OutputArea")
    hand.to_cell(cell)
    hand.to("Service name")
    hand.type("No Name")
    hand.leave()
    output.get_by_text("must be 3 to 32").first.wait_for()
    output.get_by_text("To deploy, correct: Service name.").wait_for()
    station("form")
    hand.push("Deploy")  # nothing is deployed: it goes to what is wrong
    hand.to("Service name")
    hand.type("line-svc")
    hand.push("Equivalent code")
    hand.push("Insert as a new cell")
    inserted = hand.page.locator(".jp-Cell-inputArea", has_text=LINE)
    inserted.wait_for()
    return cell


def _profile(hand: Hand, cell: int, output: Any, station: Station) -> None:
    hand.to_cell(cell)
    hand.push("Profile: not measured")
    hand.push("Profile")
    output.get_by_role("button", name="Use the recommendation").wait_for(timeout=1000 * PROFILE_SECONDS)
    output.get_by_text("GB recommended:").first.wait_for()
    assert "p99" in str(output.get_by_role("img", name="Latency").get_attribute("aria-label"))
    station("profile", output)
    hand.push("Use the recommendation")
    output.locator("pre", has_text="--cpu").wait_for()


def _deploy_and_try(hand: Hand, cell: int, output: Any, station: Station) -> None:
    hand.to_cell(cell)
    hand.push("Deploy")
    card_in(output).get_by_text("Healthy").first.wait_for()
    hand.push("Try it")
    hand.push("Send")
    output.get_by_text("200 in").wait_for()
    output.get_by_text("[2.0,4.0]").wait_for()
    station("card")


def _break_and_mend(hand: Hand, cell: int, output: Any, station: Station) -> None:
    page = hand.page
    broken = hand.run(BROKEN)
    _update(hand, cell, output, revision=2)
    hand.push("Send")
    output.get_by_text("500 in").wait_for()
    answer = output.locator("[aria-label='Response of line-svc']")
    answer.get_by_text("TypeError: 'float' object is not subscriptable").first.wait_for()
    assert "slope['<i>tall</i>'] * x" in answer.inner_text()
    raised = output.get_by_role("group", name="Last error of line-svc")
    raised.get_by_text("slope['<i>tall</i>']").first.wait_for()
    assert output.locator("i, b").count() == 0
    station("error", output)
    hand.push("Show the cell of the error of line-svc")
    content = "window.jupyterapp.shell.currentWidget.content"
    page.wait_for_function(
        f"{content}.activeCellIndex === {broken} && {content}.activeCell.editor.hasFocus()"
    )
    hand.run(SCRIPT)
    _update(hand, cell, output, revision=3)
    hand.push("Send")
    output.get_by_text("200 in").wait_for()
    station("mended")
    hand.push("Revisions")
    hand.push("Roll line-svc back to revision 1")
    hand.push("Roll back")
    _until_serving(output, revision=4)
    station("rolled-back")


def _update(hand: Hand, cell: int, output: Any, *, revision: int) -> None:
    hand.to_cell(cell)
    hand.push("Update line-svc")
    hand.push("Update now")
    _until_serving(output, revision=revision)


def _until_serving(output: Any, *, revision: int) -> None:
    # Until it is Healthy, the revision before may answer on a connection that was kept.
    head = output.locator(".mlmagic-head")
    head.filter(has_text=re.compile(rf"Healthy.* · revision {revision}$")).wait_for()


def card_in(output: Any) -> Any:
    """The live card in the output of a cell."""
    return output.get_by_role("group", name="Service line-svc")


def _open_again(opened: Client, output: Any, station: Station) -> None:
    """The card lives on with its kernel and without; the form says what it needs."""
    opened.page.keyboard.press("Control+S")
    opened.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    opened.open()
    card_in(output).wait_for()
    station("reloaded")
    opened.restart_kernel_and_save()
    opened.open()
    card_in(output).get_by_text("Healthy").first.wait_for()
    output.get_by_text("This deploy form has no kernel any more.").wait_for()
    station("restarted")


def _read_without_network(notebook: Path, page: Any) -> None:
    """The notebook as a page of its own, in a browser that reaches nothing."""
    command = [sys.executable, "-m", "nbconvert", "--to", "html", str(notebook)]
    subprocess.run(command, check=True, capture_output=True)
    with page.context.browser.new_context(offline=True) as alone:
        read = alone.new_page()
        read.goto(notebook.with_suffix(".html").as_uri(), wait_until="domcontentloaded")
        read.get_by_text("Endpoint").first.wait_for()
        read.get_by_text("Healthy").first.wait_for()
        read.screenshot(path=ARTIFACTS / "nbconvert.png", full_page=True)


def _delete(hand: Hand, engine: Engine, station: Station) -> None:
    """Another kernel finds the service, and its card deletes it."""
    hand.run("%load_ext mlmagic")
    cell = hand.run("%services")
    output = hand.page.locator(".jp-Notebook-cell").nth(cell).locator(".jp-OutputArea")
    hand.to_cell(cell)
    hand.push("line-svc")
    card_in(output).wait_for()
    station("services", output)
    hand.push("Delete line-svc")
    hand.push("Delete permanently")
    output.get_by_text("No services yet.").wait_for()
    assert engine.services.names() == []
