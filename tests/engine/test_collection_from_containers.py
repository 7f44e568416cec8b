"""Data collection of a service in a container, into a store that it reaches over the network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import requests

from mlmagic.core.configuration import InferenceConfig
from mlmagic.engine.engine import Engine
from tests.support.docker_engine import DockerEngine
from tests.support.engines import ON_DOCKER
from tests.support.ftp_store import ftp_store

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]

SCRIPT = """
import json
def init(): pass
def run(data): return [row["a"] * 2 for row in json.loads(data)["data"]]
"""
ENVIRONMENT = {"python": {"condaDependencies": {"dependencies": [{"pip": ["fsspec"]}]}}}


def test_what_containers_collect_is_in_the_store_when_they_have_ended(
    engine: Engine, docker: DockerEngine, tmp_path: Path
) -> None:
    gateway = docker.docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    with ftp_store(tmp_path, gateway.strip()) as store:
        config = replace(
            ON_DOCKER,
            compute_type="aci",
            num_replicas=2,
            compute_settings={"collect_model_data": True, "collection_store": store},
        )
        inference = InferenceConfig("score.py", script_text=SCRIPT, environment=ENVIRONMENT)
        service = engine.services.wait(engine.services.deploy("svc", [], inference, config), 600)
        try:
            for number in range(20):  # each over a connection of its own, to either replica
                answer = requests.post(f"{service.url}/score", json={"data": [{"a": number}]}, timeout=60)
                assert answer.json() == [2 * number]
        finally:
            engine.services.stop("svc")
        found = engine.collected_data.read("svc")
        engine.services.delete("svc")
    assert sorted(found["a"]) == [*range(20)]
    assert (found["prediction"] == found["a"] * 2).all()
    files = [path for path in tmp_path.rglob("*.csv") if path.parent.parts[-4] == "inputs"]
    assert len(files) == 2
