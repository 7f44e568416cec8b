"""A registry of images for the tests: Debian's docker-registry, on a free port of this machine."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import requests

from tests.support.waiting import wait_for


@contextmanager
def running(folder: Path, *, user: str = "", password: str = "") -> Iterator[str]:
    """Its address; with a user, who comes without the password is turned away."""
    program = shutil.which("docker-registry")
    assert program, "the tests of registries need docker-registry (apt-get install docker-registry)"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    settings = folder / "registry.yml"
    lines = [
        "version: 0.1",
        f"storage: {{filesystem: {{rootdirectory: {folder}/registry}}}}",
        f"http: {{addr: '{address}'}}",
        "log: {level: error}",
    ]
    if user:
        known = folder / "htpasswd"
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
        known.write_text(f"{user}:{hashed}\n")
        lines.append(f"auth: {{htpasswd: {{realm: tests, path: {known}}}}}")
    settings.write_text("\n".join(lines) + "\n")
    command = [program, "serve", str(settings)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(
                lambda: requests.get(f"http://{address}/v2/", timeout=2).status_code,
                "the registry",
                timeout=20,
                ignoring=(requests.ConnectionError,),
            )
            yield address
        finally:
            server.terminate()
