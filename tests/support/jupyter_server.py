"""A Jupyter server with our extension's half, as a process, and a workspace that it finds."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from mlmagic.workspace.location import Location
from tests.support.waiting import wait_for

TOKEN = "secret"
BASE = "/user/ann/"
"""The server's base_url, as under JupyterHub."""


@dataclass(frozen=True)
class Server:
    url: str
    """With `BASE`, without a slash at its end."""
    root: Path
    location: Location
    home: Path
    pid: int

    @property
    def port(self) -> int:
        return int(self.url.split(":")[2].partition("/")[0])


@contextmanager
def jupyter_server(folder: Path) -> Iterator[Server]:
    """Ended with the block. All its files, and those of its user, are in ``folder``."""
    root, home = folder / "root", folder / "home"
    root.mkdir()
    location = Location.of_folder(folder / "ws")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    environment = {
        **os.environ,
        **{f"JUPYTER_{name}": str(folder / name.lower()) for name in names},
        "XDG_DATA_HOME": str(home),
        "MLMAGIC_WORKSPACE": str(location.folder),
    }
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.base_url={BASE}"]
    command += [f"--ServerApp.root_dir={root}", f"--IdentityProvider.token={TOKEN}"]
    url = f"http://127.0.0.1:{port}{BASE.rstrip('/')}"
    log = folder / "server.log"
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
        try:
            wait_for(lambda: _answers(f"{url}/api"), log.read_text, timeout=60)
            yield Server(url, root, location, home, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False
