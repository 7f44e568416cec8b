"""A real Prometheus, Debian's, which is started with what it scrapes and asked by its HTTP API."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.support.waiting import wait_for

_GLOBAL = "global:\n  scrape_interval: 1s\n"


@dataclass(frozen=True, slots=True)
class Prometheus:
    url: str

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer of the API; a query that is wrong fails."""
        answer = requests.get(f"{self.url}/api/v1/{path}", parameters, timeout=10).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """The labels and the values of an instant query."""
        found = self.get("query", query=expression)["result"]
        return [(each["metric"], float(each["value"][1])) for each in found]

    def targets(self) -> dict[str, Mapping[str, Any]]:
        """The targets that are scraped, by the label ``service``; empty for the metrics of the workspace."""
        found = self.get("targets", state="active")["activeTargets"]
        return {each["labels"].get("service", ""): each for each in found}


@contextmanager
def running(folder: Path, scrape_configs: str) -> Iterator[Prometheus]:
    """On a free port, with a configuration that scrapes every second."""
    program = shutil.which("prometheus")
    assert program, "the tests of monitoring need prometheus (apt-get install prometheus)"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    settings = folder / "prometheus.yml"
    settings.write_text(_GLOBAL + scrape_configs)
    command = [
        *(program, f"--config.file={settings}", f"--storage.tsdb.path={folder}/data"),
        f"--web.listen-address={address}",
    ]
    log = folder / "prometheus.log"
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as server:
        try:
            wait_for(
                lambda: requests.get(f"http://{address}/-/ready", timeout=2).ok,
                log.read_text,
                timeout=30,
                ignoring=(requests.ConnectionError,),
            )
            yield Prometheus(f"http://{address}")
        finally:
            server.terminate()
