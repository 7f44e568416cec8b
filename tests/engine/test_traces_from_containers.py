"""Traces and the log of services in containers and pods, at an OpenTelemetry collector outside of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import requests

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.engine.engine import Engine
from tests.support.collector import Collector, attributes, collecting
from tests.support.docker_engine import DockerEngine
from tests.support.engines import ON_DOCKER
from tests.support.kubernetes.network import ADDRESSES
from tests.support.kubernetes_cluster import ON_KUBERNETES
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from tests.support.kubernetes.cluster import Cluster

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]

SCRIPT = "def init(): print('loaded')\ndef run(data):\n    print(f'got {data}')\n    return 1 / int(data)\n"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HERE = "OTEL_EXPORTER_OTLP_ENDPOINT"


def traced(config: DeploymentConfig) -> DeploymentConfig:
    return replace(config, compute_type="aci", compute_settings={"enable_app_insights": True})


def scored(engine: Engine, collector: Collector, config: DeploymentConfig) -> None:
    """Deploy a service with the collector of this process, send it two requests, and look at what arrives."""
    inference = InferenceConfig("score.py", script_text=SCRIPT)
    service = engine.services.wait(engine.services.deploy("svc", [], inference, config), 300)
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    for data, status in (("4", 200), ("0", 500)):
        answer = requests.post(f"{service.url}/score", data=data, headers=headers, timeout=60)
        assert answer.status_code == status
    wait_for(lambda: len(collector.requests) == 2, lambda: f"two spans, not {collector.requests}", timeout=30)
    for span in collector.requests:
        assert (span.name, span.trace_id.hex(), span.parent_span_id.hex()) == ("POST /score", TRACE, PARENT)
    good, bad = sorted(collector.requests, key=lambda span: span.start_time_unix_nano)
    assert (good.status.code, attributes(good)["http.response.status_code"]) == (0, 200)
    assert (bad.status.code, attributes(bad)["http.response.status_code"]) == (2, 500)
    wait_for(lambda: {"got 4", "got 0"} <= {*collector.text()}, collector.text, timeout=30)
    (line,) = [each for each in collector.lines if each.body.string_value == "got 4"]
    assert (line.trace_id.hex(), line.span_id) == (TRACE, good.span_id)
    assert {each["service.name"] for each in collector.resources} == {"svc"}


def wait_for_replicas(collector: Collector, hosts: Callable[[], set[str]]) -> None:
    """Wait until each replica has sent its log, under the name of its host."""

    def found() -> set[str]:
        return {each["host.name"] for each in collector.resources}

    wait_for(lambda: found() == hosts(), lambda: f"{hosts()}, not {found()}", timeout=60)
    instances = {each["service.instance.id"] for each in collector.resources}
    assert len(instances) == len(hosts())


def test_containers_send_to_the_gateway_of_their_bridge(
    engine: Engine, docker: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = docker.docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")

    def hosts() -> set[str]:
        names = docker.docker("ps", "--filter", "label=mlmagic.service", "--format", "{{.ID}}").split()
        return {docker.docker("inspect", "--format", "{{.Config.Hostname}}", each).strip() for each in names}

    with collecting(gateway.strip()) as collector:
        monkeypatch.setenv(HERE, collector.url)
        try:
            scored(engine, collector, traced(ON_DOCKER))
            wait_for_replicas(collector, hosts)
        finally:
            engine.services.delete("svc")


@pytest.mark.usefixtures("services_end")
def test_pods_send_to_a_machine_outside_of_the_cluster(
    engine: Engine, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pods() -> set[str]:
        return {pod["metadata"]["name"] for pod in cluster.get("pods")["items"]}

    with collecting(ADDRESSES[1]) as collector:
        monkeypatch.setenv(HERE, collector.url)
        scored(engine, collector, traced(replace(ON_KUBERNETES, num_replicas=2)))
        wait_for_replicas(collector, pods)
        assert len(pods()) == 2


def test_a_collector_at_localhost_is_named_at_the_deploy(
    engine: Engine, docker: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HERE, "http://localhost:4318")
    inference, told = InferenceConfig("score.py", script_text=SCRIPT), list[str]()
    engine.services.deploy("svc", [], inference, traced(ON_DOCKER), notify=told.append)
    engine.services.delete("svc")
    assert any(f"{HERE}=http://localhost:4318 cannot be reached from a container" in line for line in told)
