"""From a deployment to what the engine is told of its container: names, limits, variables; pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlmagic.core.configuration import DEFAULT_CPU, DeploymentConfig
from mlmagic.core.webservice import ServiceSpec
from mlmagic.targets.images.blueprint import Blueprint
from mlmagic.targets.images.dockerfile import APP, PORT, PYTHON, USER
from mlmagic.targets.server_start import server_variables

RUNS = "/var/mlmagic"
"""Where the servers of a service report; a volume that its revisions share."""
GIB = 1 << 30
CPU_SHARES = 1024
"""The weight of one core."""
_PAUSE = [PYTHON, "-S", "-E", "-c", "import signal; signal.pause()"]
_PAUSE_MEMORY = 64 << 20


def key_of(run_dir: str) -> str:
    """What identifies a revision: 12 hexadecimal digits of its folder's path."""
    return hashlib.sha256(run_dir.encode()).hexdigest()[:12]


def container_name(spec: ServiceSpec) -> str:
    return f"mlmagic-{spec.name}-r{spec.revision}-{key_of(spec.run_dir)}"


def front_name(spec: ServiceSpec) -> str:
    return f"mlmagic-{spec.name}-port-{key_of(spec.run_dir)}"


def labels_of(spec: ServiceSpec) -> dict[str, str]:
    """What everything of a revision is found by."""
    folders = Path(spec.run_dir).parents
    workspace = str(folders[min(2, len(folders) - 1)])  # services/ID/rN; a trial lies elsewhere
    return {
        "mlmagic.service": spec.name,
        "mlmagic.revision": str(spec.revision),
        "mlmagic.workspace": key_of(workspace),
        "mlmagic.key": key_of(spec.run_dir),
    }


def arguments_of(spec: ServiceSpec, plan: Blueprint, *, beside: str | None) -> list[str]:
    """Of the server. ``beside`` is the run folder of the one whose port it takes over."""
    run_dir = f"{RUNS}/{key_of(spec.run_dir)}"
    arguments = [*plan.arguments(), "--host", "0.0.0.0", "--port", str(PORT), "--run-dir", run_dir]
    if spec.config.batch:
        arguments += ["--batch"]
    if spec.config.live:
        arguments += ["--live"]
    if spec.keys_file is not None:
        arguments += ["--keys-file", f"{run_dir}/keys.json"]
    if uses_tls(spec.config):
        arguments += ["--ssl-cert", f"{run_dir}/certificate.pem", "--ssl-key", f"{run_dir}/key.pem"]
    if beside is not None:
        arguments += ["--take-over", f"{RUNS}/{key_of(beside)}"]
    return arguments


def uses_tls(config: DeploymentConfig) -> bool:
    return bool(config.ssl_cert_pem_file and config.ssl_key_pem_file)


def variables_of(spec: ServiceSpec, plan: Blueprint) -> dict[str, str]:
    return {**plan.needs.variables, **server_variables(spec)}


def limits_of(config: DeploymentConfig) -> dict[str, Any]:
    """Of the engine's host configuration. Memory is a limit, without swap. Cores are one, too, except for the
    documents' default of a tenth: that is a share, which counts when others want the processor as well.
    """
    memory = int(config.memory_gb * GIB)
    limits: dict[str, Any] = {
        "mem_limit": memory,
        "memswap_limit": memory,
        "cpu_shares": max(2, int(config.cpu * CPU_SHARES)),
    }
    if config.cpu != DEFAULT_CPU:
        limits["nano_cpus"] = int(config.cpu * 1e9)
    return limits


def host_settings(spec: ServiceSpec, plan: Blueprint, front: str) -> dict[str, Any]:
    """Of the service's container: little may be written, nothing more be allowed."""
    settings: dict[str, Any] = {
        "network_mode": f"container:{front}",
        "read_only": True,
        "tmpfs": {"/tmp": "rw,nosuid,nodev,mode=1777"},
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "binds": {front: {"bind": RUNS, "mode": "rw"}},
        **limits_of(spec.config),
    }
    if plan.needs.gpu:
        count = int(spec.config.compute_settings.get("gpu_cores") or -1)
        settings["device_requests"] = [{"Count": count, "Capabilities": [["gpu"]]}]
    return settings


def service_container(spec: ServiceSpec, plan: Blueprint, image: str, beside: str | None) -> dict[str, Any]:
    """What is said at its creation besides the host's settings. The script's folder is a volume, filled from
    the image: a live service's script can be replaced there.
    """
    return {
        "image": image,
        "name": container_name(spec),
        "command": arguments_of(spec, plan, beside=beside),
        "environment": variables_of(spec, plan),
        "labels": labels_of(spec),
        "user": f"{USER}:{USER}",
        "volumes": [APP, RUNS],
    }


def front_container(spec: ServiceSpec, foundation: str) -> dict[str, Any]:
    """The container that holds a service's port and does nothing: its revisions come and go behind it."""
    labels: Mapping[str, str] = {**labels_of(spec), "mlmagic.front": front_name(spec)}
    return {
        "image": foundation,
        "name": front_name(spec),
        "entrypoint": _PAUSE,
        "command": [],
        "labels": labels,
        "user": f"{USER}:{USER}",
        "ports": [PORT],
        "healthcheck": {"test": ["NONE"]},
    }


def front_host_settings(volume: str, published: tuple[str, int | None]) -> dict[str, Any]:
    """``published`` is the host's address and port; no port is any."""
    return {
        "port_bindings": {PORT: published},
        "binds": {volume: {"bind": RUNS, "mode": "rw"}},
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": _PAUSE_MEMORY,
    }
