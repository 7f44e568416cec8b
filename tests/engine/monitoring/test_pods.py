"""A real Prometheus scrapes the pods of a real cluster, with the rules of the guide.

Debian's Prometheus is built without the discovery of Kubernetes (``kubernetes_sd_configs``): a file has what
that finds, with its labels. Source: https://prometheus.io/docs/prometheus/latest/configuration/configuration/#pod
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

import mlmagic
from mlmagic.core.scrape_targets import ONE_OF_SEVERAL
from mlmagic.engine.engine import Engine
from tests.support import prometheus
from tests.support.engines import script
from tests.support.kubernetes_cluster import ON_KUBERNETES
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from tests.support.kubernetes.cluster import Cluster

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("services_end"), pytest.mark.timeout(900)]
GUIDE = Path(mlmagic.__file__).parents[1] / "notebooks" / "kubernetes.md"
REQUESTS = 20


def discovered(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the discovery of Kubernetes finds of a pod: a target for each port of its containers."""
    meta = {f"label_{re.sub(r'[^a-zA-Z0-9_]', '_', key)}": value for key, value in labels_of(pod).items()}
    meta["name"] = pod["metadata"]["name"]
    found = []
    for port in (port for container in pod["spec"]["containers"] for port in container["ports"]):
        own = {**meta, "container_port_name": port["name"]}
        labels = {f"__meta_kubernetes_pod_{key}": value for key, value in own.items()}
        found.append({"targets": [f"{pod['status']['podIP']}:{port['containerPort']}"], "labels": labels})
    return found


def labels_of(pod: Mapping[str, Any]) -> Mapping[str, str]:
    found: Mapping[str, str] = pod["metadata"]["labels"]
    return found


def scrape_configs(pods: Sequence[Mapping[str, Any]], folder: Path) -> str:
    """Those of the guide, with a file of the pods that its selector selects."""
    section = GUIDE.read_text(encoding="utf-8").partition("\n## Metrics\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("    ")]
    found = yaml.safe_load(textwrap.dedent("\n".join(lines)))
    [job] = found["scrape_configs"]
    [discovery] = job.pop("kubernetes_sd_configs")
    assert discovery["role"] == "pod"
    key, _, value = discovery["selectors"][0]["label"].partition("=")
    selected = [pod for pod in pods if labels_of(pod).get(key) == value]
    file = folder / "pods.json"
    file.write_text(json.dumps([group for pod in selected for group in discovered(pod)]))
    job["file_sd_configs"] = [{"files": [str(file)]}]
    return yaml.safe_dump(found)


def test_each_replica_is_a_target(engine: Engine, cluster: Cluster, tmp_path: Path) -> None:
    config = replace(ON_KUBERNETES, num_replicas=2)
    service = engine.services.wait(engine.services.deploy("svc", [], script(), config), 300)
    wait_for(lambda: engine.services.get("svc").words == "2 of 2 replicas ready", "two", timeout=120)
    assert engine.monitoring.targets() == []
    metrics, _ = engine.monitoring.metrics().page("")
    assert ONE_OF_SEVERAL in metrics.decode()
    for _ in range(REQUESTS):
        assert requests.post(f"{service.url}/score", data="1", timeout=30).status_code == 200
    pods = cluster.get("pods")["items"]
    with prometheus.running(tmp_path, scrape_configs(pods, tmp_path)) as found:
        total = 'sum(mlmagic_requests_total{service="svc",revision="1"})'
        wait_for(
            lambda: [value for _, value in found.query(total)] == [REQUESTS],
            lambda: f"{REQUESTS} requests, not {found.query(total)}; {found.get('targets')}",
            timeout=60,
        )
        scraped = {each["labels"]["pod"] for each in found.get("targets")["activeTargets"]}
        assert scraped == {pod["metadata"]["name"] for pod in pods}
        assert len(scraped) == 2
        engine.replicas.wait(engine.replicas.set("svc", 1), 120)
        [group] = engine.monitoring.targets()
        assert (group["labels"]["service"], group["labels"]["target"]) == ("svc", "kubernetes")
