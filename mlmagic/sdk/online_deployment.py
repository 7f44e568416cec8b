"""A managed online deployment of Azure ML v2, as its YAML file has it: served here (``model deploy --file``).

The service has the name of the endpoint. Relative paths start at the folder of the file. What only Azure can
do is named and has no effect; a key that the schema does not have is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlmagic.engine.packages.azureml_v2 import size_of
from mlmagic.errors import InvalidConfig, NotFound, UsageError
from mlmagic.sdk.conda import CondaDependencies
from mlmagic.sdk.configuration_files import read_object
from mlmagic.sdk.environment import Environment
from mlmagic.sdk.environment_sections import DockerBuildContext
from mlmagic.sdk.inference import InferenceConfig
from mlmagic.sdk.workspace import Workspace

_REGISTERED = "azureml:"
_REQUESTS = {
    "request_timeout_ms": "scoring_timeout_ms",
    "max_concurrent_requests_per_instance": "replica_max_concurrent_requests",
    "max_queue_wait_ms": "max_request_wait_time",
}
_PROBE = {
    "period": "period_seconds",
    "initial_delay": "initial_delay_seconds",
    "timeout": "timeout_seconds",
    "success_threshold": "success_threshold",
    "failure_threshold": "failure_threshold",
}
_READ = frozenset({
    "$schema", "name", "endpoint_name", "type", "model", "code_configuration", "environment", "instance_type",
    "instance_count", "request_settings", "liveness_probe", "environment_variables", "tags", "properties",
    "description", "scale_settings",
})  # fmt: skip
_WITHOUT_EFFECT = frozenset({
    "readiness_probe", "startup_probe", "app_insights_enabled", "data_collector", "model_mount_path",
    "resources", "egress_public_network_access",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class OnlineDeployment:
    """What such a file says."""

    service: str
    """The name of the endpoint."""
    model: str | Path | None
    """A registered model, ``NAME[:VERSION]``, or the path of one; None without a model."""
    model_name: str
    """The name under which a model given by its path is registered."""
    inference: InferenceConfig | None
    """The script and its environment; None without a script."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """Deployment arguments by name; those of a cluster are among them."""
    notes: tuple[str, ...] = ()
    """One sentence for each key that has no effect."""


def read_online_deployment(path: str | Path, workspace: Workspace) -> OnlineDeployment:
    """Read a file. Raises `NotFound`, `InvalidConfig` or `UsageError` for what it must not have."""
    file = Path(path).expanduser()
    values = read_object(file)
    if not isinstance(values, Mapping):
        raise InvalidConfig(file.name, values, "must be a mapping")
    for key in values:
        if key not in _READ | _WITHOUT_EFFECT:
            raise NotFound(f"key of {file.name}", str(key), sorted(_READ | _WITHOUT_EFFECT))
    name = _text(values, "endpoint_name", file)
    model, model_name = _model(values.get("model"), name, file)
    environment = _environment(values.get("environment"), name, file, workspace)
    notes = [f"{key} of {file.name} has no effect here." for key in values if key in _WITHOUT_EFFECT]
    return OnlineDeployment(
        name, model, model_name, _script(values, environment, file), _arguments(values, file), tuple(notes)
    )


def _arguments(values: Mapping[str, Any], file: Path) -> dict[str, Any]:
    given: dict[str, Any] = {}
    size = size_of(str(values.get("instance_type", "")))
    if size is not None:
        given["cpu_cores"], given["memory_gb"] = size
    if "instance_count" in values:
        given["num_replicas"] = values["instance_count"]
    for section, names in (("request_settings", _REQUESTS), ("liveness_probe", _PROBE)):
        for key, value in _mapping(values, section, file).items():
            if key in names:
                given[names[key]] = value
            elif section == "request_settings" or key not in ("path", "scheme", "port"):
                raise NotFound(f"key of {section} in {file.name}", str(key), names)
    scale = _mapping(values, "scale_settings", file)
    if scale.get("type") == "target_utilization":
        given.pop("num_replicas", None)
        given["autoscale_enabled"] = True
        for key, name in (("min_instances", "min_replicas"), ("max_instances", "max_replicas")):
            if key in scale:
                given[f"autoscale_{name}"] = scale[key]
    for key in ("environment_variables", "tags", "properties"):
        if values.get(key):
            given[key] = {str(name): str(value) for name, value in _mapping(values, key, file).items()}
    if values.get("description"):
        given["description"] = str(values["description"])
    return given


def _script(values: Mapping[str, Any], environment: Environment | None, file: Path) -> InferenceConfig | None:
    code = _mapping(values, "code_configuration", file)
    if not code:
        return None
    script = code.get("scoring_script")
    if not isinstance(script, str):
        raise InvalidConfig("scoring_script", script, f"must name the entry script, in {file.name}")
    folder = _path(str(code.get("code", ".")), file)
    return InferenceConfig(script, source_directory=str(folder), environment=environment)


def _model(given: Any, service: str, file: Path) -> tuple[str | Path | None, str]:
    if given is None:
        return None, ""
    wanted = given.get("path") if isinstance(given, Mapping) else given
    if not isinstance(wanted, str) or not wanted:
        raise InvalidConfig(
            "model", given, f"must be {_REGISTERED}NAME:VERSION or have a path, in {file.name}"
        )
    if wanted.startswith(_REGISTERED):
        return _registered(wanted, "model"), ""
    name = given.get("name") if isinstance(given, Mapping) else None
    return _path(wanted, file), str(name or service)


def _registered(text: str, what: str) -> str:
    """``NAME[:VERSION]`` of ``azureml:NAME:VERSION`` or ``azureml:NAME@latest``."""
    name = text.removeprefix(_REGISTERED)
    if name.startswith("//"):
        raise UsageError(
            f"{what} {text!r} is in a registry of Azure, which cannot be reached from here",
            hint=f"Download it, and give its path, or register it here and write {_REGISTERED}NAME:VERSION.",
        )
    return name.removesuffix("@latest")


def _environment(given: Any, service: str, file: Path, workspace: Workspace) -> Environment | None:
    if given is None:
        return None
    if isinstance(given, str):
        name, _, version = _registered(given, "environment").partition(":")
        return Environment.get(workspace, name, version or None)
    if not isinstance(given, Mapping):
        raise InvalidConfig("environment", given, f"must be text or a mapping, in {file.name}")
    name = str(given.get("name") or service)
    conda, build = given.get("conda_file"), given.get("build")
    if isinstance(conda, Mapping):
        made = Environment(name)
        made.python.conda_dependencies = CondaDependencies(_underlying_structure=dict(conda))
    elif conda is not None:
        made = Environment.from_conda_specification(name, str(_path(str(conda), file)))
    else:
        made = Environment(name)
    if isinstance(build, Mapping):
        context = DockerBuildContext.from_local_directory(
            workspace,
            str(_path(str(build.get("path", ".")), file)),
            build.get("dockerfile_path", "Dockerfile"),
        )
        made = Environment.from_docker_build_context(name, context)
    elif given.get("image"):
        made.docker.base_image = str(given["image"])
    return made


def _text(values: Mapping[str, Any], key: str, file: Path) -> str:
    value = values.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidConfig(key, value, f"must be text, in {file.name}")
    return value


def _mapping(values: Mapping[str, Any], key: str, file: Path) -> Mapping[str, Any]:
    value = values.get(key) or {}
    if not isinstance(value, Mapping):
        raise InvalidConfig(key, value, f"must be a mapping, in {file.name}")
    return value


def _path(text: str, file: Path) -> Path:
    path = Path(text).expanduser()
    found = path if path.is_absolute() else file.parent / path
    if not found.exists():
        raise NotFound("file or folder", str(found), hint=f"{file.name} names it as {text!r}.")
    return found
