"""A managed online endpoint and its deployment for Azure ML v2, as YAML files (``az ml online-endpoint``).

Their keys are those of the schemas managedOnlineEndpoint and managedOnlineDeployment of Azure ML's CLI v2.
The entry script, its folder and the model are the same as in v1; the packages are in a conda file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlmagic.core.configuration import DeploymentConfig
from mlmagic.errors import UsageError
from mlmagic.targets.images.build_plan import BuildPlan

ENDPOINT_FILE, DEPLOYMENT_FILE, CONDA_FILE = "endpoint.yml", "deployment.yml", "conda.yml"
DEPLOYMENT = "blue"
_SCHEMAS = "https://azuremlschemas.azureedge.net/latest"
_BASE_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest"
_SERVER = "azureml-inference-server-http"
_LONGEST_REQUEST_MS = 180_000
"""A managed online endpoint ends a request that takes longer."""
_INSTANCES = (
    ("Standard_DS1_v2", 1, 3.5),
    ("Standard_DS2_v2", 2, 7.0),
    ("Standard_DS3_v2", 4, 14.0),
    ("Standard_DS4_v2", 8, 28.0),
    ("Standard_DS5_v2", 16, 56.0),
)
"""Sizes of virtual machines: name, CPU cores, gigabytes of memory."""
_OVERHEAD = 1.2
"""Azure keeps a fifth of a machine for itself."""
_PROBE = (
    "period_seconds",
    "initial_delay_seconds",
    "timeout_seconds",
    "success_threshold",
    "failure_threshold",
)


def files_of(name: str, config: DeploymentConfig, plan: BuildPlan, folder: Path) -> dict[str, str]:
    """The three files, by name; ``folder`` is the package's, with its models.

    Raises `UsageError` for several models, and for an environment whose packages are in its image.
    """
    import yaml

    needs = plan.needs
    if plan.recipe.own_packages or needs.base_dockerfile is not None or needs.build_context is not None:
        raise UsageError(
            "the packages of this environment are in an image of its own, and a conda file cannot have them",
            hint="Give an environment with pip or conda packages.",
        )
    image = needs.base_image or _BASE_IMAGE
    made = {
        ENDPOINT_FILE: endpoint(name, config),
        DEPLOYMENT_FILE: deployment(name, config, plan.entry_script, models_in(folder), image=image),
        CONDA_FILE: conda(plan.python, plan.own_requirements),
    }
    return {file: str(yaml.safe_dump(content, sort_keys=False)) for file, content in made.items()}


def endpoint(name: str, config: DeploymentConfig) -> dict[str, Any]:
    """The endpoint. Each one of Azure wants a key or a token, also for a service that everyone may call."""
    made = {
        "$schema": f"{_SCHEMAS}/managedOnlineEndpoint.schema.json",
        "name": name,
        "auth_mode": "aml_token" if config.token_auth_enabled else "key",
    }
    return {**made, **_labels(config)}


def deployment(
    name: str, config: DeploymentConfig, script: str, models: Sequence[str], *, image: str = _BASE_IMAGE
) -> dict[str, Any]:
    """The deployment; ``models`` are paths relative to its file, ``image`` is the base image.

    Raises `UsageError` for several models.
    """
    if len(models) > 1:
        raise UsageError(
            f"a deployment of Azure ML v2 has one model, and this service has {len(models)}",
            hint="Register one folder with all of them as one model, and package that.",
        )
    settings = config.compute_settings
    made: dict[str, Any] = {
        "$schema": f"{_SCHEMAS}/managedOnlineDeployment.schema.json",
        "name": DEPLOYMENT,
        "endpoint_name": name,
        **({"model": {"path": models[0]}} if models else {}),
        "code_configuration": {"code": "azureml-app", "scoring_script": script},
        "environment": {"conda_file": CONDA_FILE, "image": image},
        "instance_type": instance_type(config.cpu, config.memory_gb),
        "instance_count": config.replicas,
        "request_settings": {
            "request_timeout_ms": min(config.scoring_timeout_ms, _LONGEST_REQUEST_MS),
            "max_concurrent_requests_per_instance": config.replica_max_concurrent_requests or 1,
        },
    }
    probe = {_probe_key(key): int(settings[key]) for key in _PROBE if key in settings}
    if probe:
        made["liveness_probe"] = probe
    if config.environment_variables:
        made["environment_variables"] = dict(config.environment_variables)
    if settings.get("enable_app_insights"):
        made["app_insights_enabled"] = True
    return {**made, **_labels(config)}


def instance_type(cpu: float, memory_gb: float) -> str:
    """The smallest machine that has so many cores and so much memory left; else the largest."""
    needed = math.ceil(cpu), memory_gb * _OVERHEAD
    fitting = (name for name, cores, memory in _INSTANCES if cores >= needed[0] and memory >= needed[1])
    return next(fitting, _INSTANCES[-1][0])


def size_of(instance_type: str) -> tuple[int, float] | None:
    """The CPU cores and gigabytes of a machine of `_INSTANCES`; None for another."""
    return next(((cores, memory) for name, cores, memory in _INSTANCES if name == instance_type), None)


def conda(python: str, requirements: Sequence[str]) -> dict[str, Any]:
    """The conda file, with the server that Azure runs the script with."""
    return {
        "name": "service",
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": [*requirements, _SERVER]}],
    }


def models_in(folder: Path) -> list[str]:
    """The files and folders of the models in a package's folder, relative to it."""
    versions = sorted(folder.glob("azureml-models/*/*"))
    return [str(inner.relative_to(folder)) for version in versions for inner in _contents(version)]


def _contents(version: Path) -> list[Path]:
    inside = sorted(version.iterdir())
    return inside if len(inside) == 1 else [version]


def _probe_key(argument: str) -> str:
    return argument.removesuffix("_seconds")


def _labels(config: DeploymentConfig) -> Mapping[str, Any]:
    labels: dict[str, Any] = {"tags": dict(config.tags)} if config.tags else {}
    return {**labels, "description": config.description} if config.description else labels
