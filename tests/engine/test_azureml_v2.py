"""Packages for Azure ML v2, read by the loaders of azure-ai-ml."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlmagic.core.configuration import DeploymentConfig, InferenceConfig
from mlmagic.core.model import ModelDescription
from mlmagic.core.package import PackageKind
from mlmagic.engine.engine import Engine
from mlmagic.engine.packages import azureml_v2
from mlmagic.errors import UsageError
from tests.support.environments import python_with

REQUIREMENTS = Path(__file__).parent / "environments" / "azure-ai-ml.txt"
LOADED = """
import json, sys
from azure.ai.ml import load_online_deployment, load_online_endpoint
endpoint, deployment = load_online_endpoint("endpoint.yml"), load_online_deployment("deployment.yml")
script = deployment.code_configuration
print(json.dumps({
    "endpoint": endpoint.name, "auth": endpoint.auth_mode, "serves": deployment.endpoint_name,
    "code": str(script.code), "script": script.scoring_script, "model": str(deployment.model.path),
    "count": deployment.instance_count, "size": deployment.instance_type,
    "timeout": deployment.request_settings.request_timeout_ms, "period": deployment.liveness_probe.period,
    "variables": deployment.environment_variables, "tags": deployment.tags,
    "packages": deployment.environment.conda_file["dependencies"][-1]["pip"],
}))
"""
SCRIPT = "def init(): ...\ndef run(data): return 1\n"


@pytest.mark.parametrize(
    ("cpu", "memory", "name"),
    [
        (0.1, 0.5, "Standard_DS1_v2"),
        (1, 3, "Standard_DS2_v2"),
        (3, 1, "Standard_DS3_v2"),
        (2, 24, "Standard_DS5_v2"),
        (99, 1, "Standard_DS5_v2"),
    ],
)
def test_the_smallest_machine_that_fits(cpu: float, memory: float, name: str) -> None:
    assert azureml_v2.instance_type(cpu, memory) == name


def test_several_models_are_refused() -> None:
    with pytest.raises(UsageError, match="has one model, and this service has 2"):
        azureml_v2.deployment("svc", DeploymentConfig(), "score.py", ["a", "b"])


def test_a_timeout_is_at_most_azures() -> None:
    made = azureml_v2.deployment("svc", DeploymentConfig(scoring_timeout_ms=10**6), "score.py", [])
    assert made["request_settings"]["request_timeout_ms"] == 180_000
    assert "model" not in made


def packed(engine: Engine, tmp_path: Path, **config: Any) -> Path:
    file = tmp_path / "weights.bin"
    file.write_bytes(b"weights")
    model = engine.models.register(file, ModelDescription("weights"))
    settings = DeploymentConfig(
        num_replicas=2,
        environment_variables={"A": "b"},
        tags={"area": "health"},
        compute_settings={"period_seconds": 7},
        **config,
    )
    inference = InferenceConfig("score.py", script_text=SCRIPT, requirements=("iniconfig==2.0.0",))
    made = engine.packages.create(
        [model.id], inference, kind=PackageKind.AZUREML_V2, image_name="wine-svc", config=settings
    )
    return Path(made.location)


def test_the_folder_has_all_that_the_files_name(engine: Engine, tmp_path: Path) -> None:
    folder = packed(engine, tmp_path)
    deployment = yaml.safe_load((folder / "deployment.yml").read_text())
    assert (folder / deployment["model"]["path"]).read_bytes() == b"weights"
    script = deployment["code_configuration"]
    assert "def run(data)" in (folder / script["code"] / script["scoring_script"]).read_text()
    assert (folder / deployment["environment"]["conda_file"]).is_file()
    assert "az ml online-deployment create -f deployment.yml" in (folder / "README.md").read_text()


@pytest.mark.processes
@pytest.mark.timeout(600)  # the first makes an environment
def test_azure_ai_ml_loads_them(engine: Engine, tmp_path: Path) -> None:
    folder = packed(engine, tmp_path)
    python = python_with(REQUIREMENTS, "reference-v2")
    done = subprocess.run([python, "-c", LOADED], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["endpoint"], found["serves"], found["auth"]) == ("wine-svc", "wine-svc", "key")
    assert (found["script"], found["count"], found["size"]) == ("score.py", 2, "Standard_DS1_v2")
    assert (found["timeout"], found["period"], found["variables"]) == (60_000, 7, {"A": "b"})
    assert found["packages"] == ["iniconfig==2.0.0", "azureml-inference-server-http"]
    assert found["tags"] == {"area": "health"}
    assert found["model"].endswith("weights.bin")
