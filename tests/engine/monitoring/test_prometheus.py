"""A real Prometheus discovers and scrapes the services of a workspace, and answers those of the dashboard."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.engine.endpoints.version_request import VersionRequest
from mlmagic.engine.engine import Engine
from mlmagic.engine.monitoring.dashboard import DASHBOARD
from mlmagic.workspace.location import Location
from tests.support import prometheus
from tests.support.engines import script
from tests.support.prometheus import Prometheus
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

FAILS = "def init(): ...\ndef run(data): raise ValueError(data)\n"
LOCAL = DeploymentConfig("local")
_METRIC = re.compile(r"\b(mlmagic_\w+)\{([^}]*)\}")
_LABEL = re.compile(r"(\w+)(?:=~|!~|=|!=)")
_BY = re.compile(r"\bby \(([^)]*)\)")
_VARIABLES = {"$__rate_interval": "1m", "$workspace": ".*", "$service": ".*"}
PANELS = json.loads(DASHBOARD.read_text())["panels"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]


@contextmanager
def serving(location: Location) -> Iterator[str]:
    """``mlmagic prometheus serve``, and what it says about prometheus.yml."""
    command = [sys.executable, "-m", "mlmagic", "prometheus", "serve", "--port", "0"]
    environment = {**os.environ, "MLMAGIC_WORKSPACE": str(location.folder)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        try:
            url = server.stdout.readline().strip()
            assert url, server.stderr.read()
            first, blank, *lines = (server.stderr.readline() for _ in range(6))
            assert (first, blank) == ("Add this to prometheus.yml:\n", "\n")
            assert url in lines[-1]
            yield "".join(lines)
        finally:
            server.terminate()


@pytest.fixture
def monitored(engine: Engine, location: Location, tmp_path: Path) -> Iterator[Prometheus]:
    """Prometheus with the lines that the command has printed, while there are two services."""
    for name in ("one", "two"):
        engine.services.deploy(name, [], script(), LOCAL)
    for name in ("one", "two"):
        engine.services.wait(engine.services.get(name))
    folder = tmp_path / "prometheus"
    folder.mkdir()
    with serving(location) as scrape_configs:
        often = scrape_configs + "        refresh_interval: 1s\n"
        with prometheus.running(folder, often) as found:
            wait_for_targets(found, {"", "one", "two"})
            yield found


def wait_for_targets(found: Prometheus, names: set[str]) -> None:
    def healthy() -> set[str]:
        return {name for name, each in found.targets().items() if each["health"] == "up"}

    wait_for(lambda: healthy() == names, lambda: f"{names}, not {found.targets()}", timeout=60)


def wait_for_value(found: Prometheus, expression: str, value: float) -> None:
    def now() -> list[Any]:
        return found.query(expression)

    wait_for(
        lambda: [each for _, each in now()] == [value],
        lambda: f"{expression} = {value}, not {now()}",
        timeout=60,
    )


def test_services_are_discovered_and_their_requests_counted(
    engine: Engine, monitored: Prometheus, location: Location
) -> None:
    wait_for_value(monitored, 'mlmagic_service_discovered{service="one"}', 1)
    for number in range(7):
        engine.requests.score("one", number)
    engine.requests.score("two", 1)
    wait_for_value(monitored, 'mlmagic_requests_total{service="one",code="200"}', 7)
    wait_for_value(monitored, 'mlmagic_requests_total{service="two",code="200"}', 1)
    # As the supervisor measures them, every ten seconds.
    wait_for_value(monitored, 'mlmagic_service_requests_total{service="one"}', 7)
    labels = monitored.targets()["one"]["labels"]
    given = {"workspace": location.name, "service": "one", "revision": "1", "target": "local"}
    assert {name: labels[name] for name in given} == given

    idles = replace(LOCAL, idle_timeout_seconds=600)
    engine.services.wait(engine.services.deploy("idle", [], script(), idles))
    engine.services.delete("two")
    wait_for_value(monitored, 'mlmagic_service_discovered{service="idle"}', 0)
    wait_for_targets(monitored, {"", "one"})
    wait_for_value(monitored, 'count(mlmagic_service_info{service="two"}) or vector(0)', 0)
    wait_for_value(monitored, 'mlmagic_service_state{service="idle",state="Healthy"}', 1)
    engine.requests.score("idle", 1)
    wait_for_value(monitored, 'mlmagic_service_requests_total{service="idle"}', 1)


def test_the_dashboard_asks_for_metrics_and_labels_that_exist(engine: Engine, monitored: Prometheus) -> None:
    fails = InferenceConfig("score.py", script_text=FAILS)
    shop = engine.endpoints.create("shop", "blue", VersionRequest((), script(), LOCAL))
    broken = engine.services.deploy("broken", [], fails, LOCAL)
    for each in (shop, broken):
        engine.services.wait(each)
    wait_for_targets(monitored, {"", "one", "two", "shop", "shop-blue", "broken"})
    engine.requests.score("shop", 1)
    with pytest.raises(Exception, match="ValueError"):
        engine.requests.score("broken", 1)
    wait_for_value(monitored, 'mlmagic_service_errors_total{service="broken"}', 1)
    wait_for_value(monitored, 'mlmagic_version_requests_total{version="blue",code="200"}', 1)
    wait_for(lambda: monitored.query("mlmagic_service_memory_bytes"), "what services use", timeout=60)
    for expression in EXPRESSIONS:
        for name, value in _VARIABLES.items():
            expression = expression.replace(name, value)
        labels_asked = {label for each in _BY.findall(expression) for label in each.split(", ")}
        metrics = _METRIC.findall(expression)
        assert metrics, expression
        for metric, matchers in metrics:
            series = monitored.get("series", **{"match[]": metric})
            labels = {label for each in series for label in each}
            assert labels >= labels_asked | {*_LABEL.findall(matchers)}, (expression, labels)
        monitored.query(expression)
        if "== 1" not in expression:  # where all services are Healthy, none is listed
            wait_for(lambda asked=expression: monitored.query(asked), expression, timeout=30)  # type: ignore[misc]
