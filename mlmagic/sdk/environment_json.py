"""An environment as Azure ML v1's JSON, in camelCase: in inferenceconfig.json, in files, in the workspace.

An unknown key is an error with the nearest known one; Azure ML v1 ignored it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlmagic.core.environment import KEEP_IMAGE
from mlmagic.errors import InvalidConfig, NotFound
from mlmagic.sdk.conda import CondaDependencies
from mlmagic.sdk.environment_sections import DATABRICKS, DockerBuildContext, EnvironmentSections

KEYS: Mapping[str, tuple[str, ...]] = {
    "": (
        *("name", "version", "environmentVariables", "python", "docker", "spark", "databricks", "r"),
        *("inferencingStackVersion", "assetId"),
    ),
    "python": (
        *("interpreterPath", "userManagedDependencies", "condaDependencies", "condaDependenciesFile"),
        "baseCondaEnvironment",
    ),
    "docker": (
        *("enabled", "baseImage", "baseDockerfile", "buildContext", "baseImageRegistry", "platform"),
        *("sharedVolumes", "shmSize", "arguments", "gpuSupport"),
        *("extraDockerFileSteps", "extraDockerfileSteps", "enableGpu", "cudaVersion", KEEP_IMAGE),
    ),
    "docker.buildContext": ("location", "dockerfilePath"),
    "docker.baseImageRegistry": ("address", "username", "password", "registryIdentity"),
    "docker.platform": ("os", "architecture"),
    "spark": ("repositories", "packages", "precachePackages"),
    "databricks": tuple(DATABRICKS),
}
"""The keys of each object, by its path."""


def record_of(environment: EnvironmentSections) -> dict[str, Any]:
    """The environment as JSON values. A registry's password is among them, as in Azure ML v1."""
    python, docker = environment.python, environment.docker
    registry, context = docker.base_image_registry, docker.build_context
    dependencies = python.conda_dependencies
    return {
        "name": environment.name,
        "version": environment.version,
        "environmentVariables": dict(environment.environment_variables or {}),
        "python": {
            "userManagedDependencies": python.user_managed_dependencies,
            "interpreterPath": python.interpreter_path,
            "condaDependenciesFile": python.conda_dependencies_file,
            "baseCondaEnvironment": python.base_conda_environment,
            "condaDependencies": None if dependencies is None else dependencies.as_dict(),
        },
        "docker": {
            "enabled": docker.enabled,
            "baseImage": docker.base_image,
            "baseDockerfile": docker.base_dockerfile,
            "buildContext": context
            and {"location": context.location, "dockerfilePath": context.dockerfile_path},
            "sharedVolumes": docker.shared_volumes,
            "shmSize": docker.shm_size,
            "arguments": list(docker.arguments),
            "baseImageRegistry": {
                "address": registry.address,
                "username": registry.username,
                "password": registry.password,
            },
            "platform": dict(docker.platform),
            "extraDockerFileSteps": docker.extra_steps,
            "enableGpu": docker.enable_gpu,
            "cudaVersion": docker.cuda_version,
            **({KEEP_IMAGE: True} if docker.keep_base_image else {}),
        },
        "spark": dict(environment.spark),
        "databricks": dict(environment.databricks),
        "inferencingStackVersion": environment.inferencing_stack_version,
    }


def check_record(record: Any, place: str = "environment") -> None:
    """Raises `InvalidConfig` or `NotFound` for JSON values that are not an environment."""
    if not isinstance(record, Mapping):
        raise InvalidConfig(place, record, "must be a mapping")
    for path, known in KEYS.items():
        part: Any = record
        for step in filter(None, path.split(".")):
            part = (part or {}).get(step)
        if part is None:
            continue
        where = f"{place}.{path}" if path else place
        if not isinstance(part, Mapping):
            raise InvalidConfig(where, part, "must be a mapping")
        for key in part:
            if key not in known:
                raise NotFound(f"key of {where}", key, known)


def shown(record: dict[str, Any]) -> dict[str, Any]:
    """A copy of the JSON to show: a registry's password is masked."""
    docker = record["docker"]
    registry = docker["baseImageRegistry"]
    masked = {**registry, "password": registry["password"] and "***"}
    return {**record, "docker": {**docker, "baseImageRegistry": masked}}


def fill(environment: EnvironmentSections, record: Mapping[str, Any]) -> None:
    """Set the environment's values from ``record``. Raises as `check_record` does."""
    check_record(record)
    environment.name = record.get("name")
    environment.environment_variables = dict(record.get("environmentVariables") or {})
    environment.inferencing_stack_version = record.get("inferencingStackVersion")
    environment.asset_id = record.get("assetId")
    environment.spark.update(record.get("spark") or {})
    environment.databricks.update(record.get("databricks") or {})
    given, python = record.get("python") or {}, environment.python
    python.user_managed_dependencies = bool(given.get("userManagedDependencies", False))
    python.interpreter_path = given.get("interpreterPath") or "python"
    python.conda_dependencies_file = given.get("condaDependenciesFile")
    python.base_conda_environment = given.get("baseCondaEnvironment")
    if given.get("condaDependencies"):
        python.conda_dependencies = CondaDependencies(_underlying_structure=given["condaDependencies"])
    given, docker = record.get("docker") or {}, environment.docker
    for source, key in (("base_image", "baseImage"), ("base_dockerfile", "baseDockerfile")):
        if given.get(key):
            setattr(docker, source, given[key])
    if context := given.get("buildContext"):
        docker.build_context = DockerBuildContext(
            context.get("location", "."), context.get("dockerfilePath") or "Dockerfile"
        )
    docker.extra_steps = given.get("extraDockerFileSteps") or given.get("extraDockerfileSteps")
    docker.cuda_version = given.get("cudaVersion")
    docker.keep_base_image = bool(given.get(KEEP_IMAGE, False))
    docker.enable_gpu = bool(given.get("enableGpu", False))
    docker.enabled = bool(given.get("enabled", False))
    docker.shared_volumes = bool(given.get("sharedVolumes", True))
    docker.shm_size = given.get("shmSize")
    docker.arguments = list(given.get("arguments") or [])
    docker.platform.update(given.get("platform") or {})
    registry = given.get("baseImageRegistry") or {}
    for name in ("address", "username", "password"):
        setattr(docker.base_image_registry, name, registry.get(name))
