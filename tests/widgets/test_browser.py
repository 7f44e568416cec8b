"""What a user sees: JupyterLab in a real browser, from deploy to a kernel that is gone.

Screenshots, light and dark, are left in tests/artifacts to be looked at.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from mlmagic.engine.engine import Engine
from mlmagic.workspace.location import Location
from tests.browser import ARTIFACTS, BROWSER, FLAGS, WAIT_SECONDS

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
def location(tmp_path: Path) -> Location:
    return Location.of_folder(tmp_path / "ws")


@pytest.fixture
def cells() -> list[str]:
    """The notebook's."""
    return CELLS


@pytest.fixture
def lab(tmp_path: Path, location: Location, engine: Engine, cells: list[str]) -> Iterator[str]:
    """A JupyterLab with the notebook in its folder; the URL that opens it. Its kernels end with it."""
    import nbformat  # here: it takes seconds, which the unit tests' collection need not

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (tmp_path / "root").mkdir()
    nbformat.write(notebook, tmp_path / "root" / "x.ipynb")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = [
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={tmp_path / 'root'}",
        "--IdentityProvider.token=secret",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    environment = {
        **os.environ,
        "MLMAGIC_WORKSPACE": str(location.folder),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
    }
    url = f"http://127.0.0.1:{port}"
    with (tmp_path / "lab.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", *settings],
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            _until(lambda: _answers(f"{url}/api"), (tmp_path / "lab.log").read_text)
            yield f"{url}/lab/tree/x.ipynb?reset&token=secret"
        finally:
            server.terminate()
            server.wait(30)


@pytest.fixture
def page() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if not BROWSER:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, headless=True, args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 2400})
        page.set_default_timeout(WAIT_SECONDS * 1000)
        yield page
        browser.close()


def test_a_notebook_in_a_browser(lab: str, page: Any, engine: Engine) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    page.goto(lab)
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext?.isReady === true")
    _lab(page, "execute('notebook:run-all-cells')")
    page.wait_for_function(
        "[...window.jupyterapp.shell.currentWidget.model.cells].every(cell => cell.executionCount)"
        " && window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"
    )

    # A log and a traceback are text, whatever they contain.
    panel = page.locator(".jp-OutputArea .widget-vbox").first
    panel.locator("pre", has_text="ready <b>x</b>").wait_for()
    assert panel.locator("b").count() == 0
    failed = page.locator(".jp-OutputArea-child", has_text="broken-svc").first
    assert "KeyError: '<i>tall</i>'" in failed.inner_text()
    assert failed.locator("i").count() == 0

    # Scored from elsewhere: the panel lives on, the cell that made it does not.
    for _ in range(3):
        engine.invoke("line-svc", {"data": [1]})
    panel.get_by_text("4 requests").wait_for()
    engine.invoke("line-svc", {"data": [1]})
    panel.get_by_text("5 requests").wait_for()
    assert panel.locator("svg[aria-label]").count() == 1

    for theme in ("Light", "Dark"):
        _lab(page, f"execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})")
        page.locator(f"body[data-jp-theme-name='JupyterLab {theme}']").wait_for(state="attached")
        page.locator("#jupyterlab-splash").wait_for(state="detached")
        page.screenshot(path=ARTIFACTS / f"lab-{theme.lower()}.png")

    # The kernel goes and the page is opened anew: the plain card is still there.
    page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    _lab(page, "execute('docmanager:save')")
    page.goto(lab.replace("reset&", ""))
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.sessionContext?.isReady === true")
    card = page.locator(".jp-OutputArea-child", has_text="line-svc").first
    card.get_by_text("Healthy").wait_for()
    page.locator("#jupyterlab-splash").wait_for(state="detached")
    page.wait_for_function(
        "window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'"
    )
    page.screenshot(path=ARTIFACTS / "lab-after-restart.png")
    assert engine.invoke("line-svc", {"data": [1]}) == [2.0]


def _lab(page: Any, command: str) -> None:
    page.evaluate(f"window.jupyterapp.commands.{command}")


def _until(condition: Any, told: Any) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, told()
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        return json.loads(requests.get(url, timeout=5).text).get("version") is not None
    except (requests.RequestException, ValueError):
        return False
