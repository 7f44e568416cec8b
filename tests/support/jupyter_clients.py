"""A Jupyter server with one notebook, in the two clients that people have."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from mlmagic.workspace.location import Location
from tests.support.browser import WAIT_SECONDS
from tests.support.waiting import wait_for

NOTEBOOK = "journey.ipynb"
TOKEN = "secret"
CLIENTS = {
    "lab": ("jupyterlab", "LabApp", "lab/tree"),
    "notebook": ("notebook", "JupyterNotebookApp", "notebooks"),
}
"""Module, its class of settings, and where a notebook is opened."""
NEWEST = ""
"""That of the tests' own environment is in most journeys; here it runs from the wheel, too."""
VERSIONS = {"4.4": "7.4", "4.5": "7.5", NEWEST: NEWEST}
"""JupyterLab, and the Notebook that is made of it."""
_SESSION = "shell.currentWidget?.sessionContext"


@contextmanager
def serving(
    client: str,
    folder: Path,
    workspace: Location,
    cells: Sequence[str] = ("",),
    *,
    python: str = sys.executable,
    has_extension: bool = True,
    has_server_half: bool = True,
) -> Iterator[str]:
    """The URL of a notebook in a client of `CLIENTS`. The server and its kernels end with it.

    Without our extension, or its server's half, JupyterLab is what VS Code and Colab are: a front end for the
    kernel's widgets.
    """
    import nbformat  # here: it takes seconds, which the unit tests' collection need not

    module, app, path = CLIENTS[client]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    root = folder / "root"
    root.mkdir(parents=True)
    nbformat.write(notebook, root / NOTEBOOK)
    quiet = folder / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"fetchNews": "false"}')  # else a notification lies over what is looked at
    if not has_extension:
        switched_off = folder / "config_dir/labconfig/page_config.json"
        switched_off.parent.mkdir(parents=True)
        switched_off.write_text('{"disabledExtensions": {"mlmagic": true}}')
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = [
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root}",
        f"--IdentityProvider.token={TOKEN}",
        f"--{app}.expose_app_in_browser=True",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if not has_server_half:
        settings.append('--ServerApp.jpserver_extensions={"mlmagic.labserver": False}')
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    environment = {
        **os.environ,
        **{f"JUPYTER_{name}": str(folder / name.lower()) for name in names},
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "MLMAGIC_WORKSPACE": str(workspace.folder),
    }
    if python != sys.executable:
        environment.pop("PYTHONPATH", None)  # what is installed there is what is tested
    url, log = f"http://127.0.0.1:{port}", folder / "server.log"
    with log.open("wb") as file:
        server = subprocess.Popen(
            [python, "-m", module, "--no-browser", "--allow-root", *settings],
            cwd=folder,
            env=environment,
            stdout=file,
            stderr=file,
        )
        try:
            wait_for(lambda: _answers(f"{url}/api"), log.read_text, timeout=WAIT_SECONDS)
            yield f"{url}/{path}/{NOTEBOOK}?token={TOKEN}"
        finally:
            server.terminate()
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                # Its kernels have ended; a worker thread of AnyIO, which nobody stops, keeps it.
                server.kill()
                server.wait()


class Client:
    """A page in which a notebook is open."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self._url = page, url
        # Pytest shows it if the test fails: why a page is not complete.
        page.on("requestfailed", lambda request: print("not loaded:", request.url, request.failure))

    def open(self) -> None:
        """Open the notebook, or open it anew; returns when its kernel can be asked."""
        self.page.goto(self._url)
        if not self._is_ready():
            # The browser did not get a part of JupyterLab from a server that was just starting.
            self.page.goto(self._url)
            assert self._is_ready(), "JupyterLab is not ready"
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")
        self.until_idle()

    def _is_ready(self) -> bool:
        from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

        try:
            self.page.wait_for_function(f"window.jupyterapp?.{_SESSION}?.isReady === true")
        except PlaywrightTimeoutError:
            return False
        return True

    def run_all(self) -> None:
        """Run all cells; returns when all have ended."""
        self.command("notebook:run-all-cells")
        self.page.wait_for_function(
            "[...window.jupyterapp.shell.currentWidget.model.cells].every(cell => cell.executionCount)"
        )
        self.until_idle()

    def until_idle(self) -> None:
        """Returns when the kernel has nothing to do."""
        self.page.wait_for_function(f"window.jupyterapp.{_SESSION}.session?.kernel?.status === 'idle'")

    def use_theme(self, theme: str) -> None:
        """Light or Dark."""
        self.command("apputils:change-theme", f"{{theme: 'JupyterLab {theme}'}}")
        self.page.locator(f"body[data-jp-theme-name='JupyterLab {theme}']").wait_for(state="attached")
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def restart_kernel_and_save(self) -> None:
        """What is then in the file is what somebody finds the next day."""
        self.page.evaluate(f"window.jupyterapp.{_SESSION}.session.kernel.restart()")
        self.command("docmanager:save")

    def save(self) -> None:
        self.command("docmanager:save")
        self.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")

    def without_kernel(self) -> None:
        """Open the notebook anew, without a kernel, as somebody does who only reads it."""
        self.page.evaluate(f"window.jupyterapp.{_SESSION}.shutdown()")
        self.page.goto(self._url)
        self.page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.model?.cells?.length")
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def command(self, name: str, arguments: str = "{}") -> None:
        """Of JupyterLab's own, by its id."""
        self.page.evaluate(f"window.jupyterapp.commands.execute('{name}', {arguments})")


def _answers(url: str) -> bool:
    try:
        return json.loads(requests.get(url, timeout=5).text).get("version") is not None
    except (requests.RequestException, ValueError):
        return False
