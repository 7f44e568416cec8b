"""A Jupyter server with an empty notebook, in the two clients that people have."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from mlmagic.workspace.location import Location
from tests.browser import WAIT_SECONDS

NOTEBOOK = "journey.ipynb"
TOKEN = "secret"
CLIENTS = {
    "lab": ("jupyterlab", "LabApp", "lab/tree"),
    "notebook": ("notebook", "JupyterNotebookApp", "notebooks"),
}
"""Module, its class of settings, and where a notebook is opened."""


@contextmanager
def serving(client: str, folder: Path, workspace: Location) -> Iterator[str]:
    """The URL of the notebook, in a client of `CLIENTS`. The server and its kernels end with it."""
    import nbformat  # here: it takes seconds, which the unit tests' collection need not

    module, app, path = CLIENTS[client]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell()])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    root = folder / "root"
    root.mkdir(parents=True)
    nbformat.write(notebook, root / NOTEBOOK)
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
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    environment = {
        **os.environ,
        **{f"JUPYTER_{name}": str(folder / name.lower()) for name in names},
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "MLMAGIC_WORKSPACE": str(workspace.folder),
    }
    url, log = f"http://127.0.0.1:{port}", folder / "server.log"
    with log.open("wb") as file:
        server = subprocess.Popen(
            [sys.executable, "-m", module, "--no-browser", "--allow-root", *settings],
            env=environment,
            stdout=file,
            stderr=file,
        )
        try:
            _until(lambda: _answers(f"{url}/api"), log.read_text)
            yield f"{url}/{path}/{NOTEBOOK}?token={TOKEN}"
        finally:
            server.terminate()
            server.wait(30)


def _until(condition: Callable[[], bool], told: Callable[[], str]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, told()
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        return json.loads(requests.get(url, timeout=5).text).get("version") is not None
    except (requests.RequestException, ValueError):
        return False
