"""The settings of a service's containers: names, labels, arguments, variables, limits. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mlmagic.scoring.http.allowed_hosts as allowed_hosts
from mlmagic.core import advice
from mlmagic.core.configuration import DEFAULT_CPU, DeploymentConfig
from mlmagic.core.webservice import ServiceSpec
from mlmagic.errors import Advice, InvalidConfig
from mlmagic.targets.docker.connection import Address
from mlmagic.targets.images.build_plan import BuildPlan
from mlmagic.targets.images.dockerfile import APP, PORT, PYTHON, USER
from mlmagic.targets.revision_labels import key_of, labels_of
from mlmagic.targets.server_variables import server_variables

RUNS = "/var/mlmagic"
"""The folder of the run folders: a volume that a service's revisions share."""
PROXY_LABEL = "mlmagic.front"
"""The label of a proxy container. Running services have this name, so it stays."""
REPLICA_LABEL = "mlmagic.replica"
KEYS, CERTIFICATE, CERTIFICATE_KEY, ROUTES = RUN_FILES = (
    "keys.json", "certificate.pem", "key.pem", "routes.json",
)  # fmt: skip
"""The files in a run folder that the server reads, where there are any."""
GIB = 1 << 30
CPU_SHARES = 1024
"""The weight of one core."""
_PAUSE = [PYTHON, "-S", "-E", "-c", "import signal; signal.pause()"]
_PAUSE_MEMORY = 64 << 20
_PAUSE_PROCESSES = 16
PROCESSES = 4096
"""Processes and threads of a service: enough for the thread pools of many cores, too few for a fork bomb."""
LOGS: dict[str, Any] = {"type": "json-file", "config": {"max-size": "10m", "max-file": "3"}}
"""The engine's usual log, which otherwise grows until the disk is full."""


def run_folder(run_dir: str) -> str:
    """The run folder inside the containers, for the run folder ``run_dir`` of this machine."""
    return f"{RUNS}/{key_of(run_dir)}"


def container_name(spec: ServiceSpec) -> str:
    return f"mlmagic-{spec.name}-r{spec.revision}-{key_of(spec.run_dir)}"


def proxy_name(spec: ServiceSpec) -> str:
    return f"mlmagic-{spec.name}-port-{key_of(spec.run_dir)}"


def arguments_of(spec: ServiceSpec, plan: BuildPlan, *, predecessor: str | None) -> list[str]:
    """The server's arguments. ``predecessor`` is the run folder of the revision whose port it takes over."""
    run_dir = run_folder(spec.run_dir)
    serves = ["--routes", f"{run_dir}/{ROUTES}"] if spec.routes_file else plan.arguments()
    arguments = [*serves, "--host", "0.0.0.0", "--port", str(PORT), "--run-dir", run_dir]
    if spec.config.batch:
        arguments += ["--batch"]
    if spec.config.live:
        arguments += ["--live"]
    if spec.keys_file is not None:
        arguments += ["--keys-file", f"{run_dir}/{KEYS}"]
    else:
        arguments += ["--no-auth"]  # see `check_exposure`
    if uses_tls(spec.config):
        certificate, key = f"{run_dir}/{CERTIFICATE}", f"{run_dir}/{CERTIFICATE_KEY}"
        arguments += ["--ssl-cert", certificate, "--ssl-key", key]
    if predecessor is not None:
        arguments += ["--take-over", run_folder(predecessor)]
    if spec.config.idle_timeout_seconds is not None:
        arguments += ["--idle-timeout", str(spec.config.idle_timeout_seconds)]
    return arguments


def uses_tls(config: DeploymentConfig) -> bool:
    return bool(config.ssl_cert_pem_file and config.ssl_key_pem_file)


def variables_of(spec: ServiceSpec, plan: BuildPlan, *, is_local: bool) -> dict[str, str]:
    """The variables of a service's container. ``is_local``: its port is published on this machine only."""
    hosts = {allowed_hosts.VARIABLE: allowed_hosts.local_default()} if is_local else {}
    return {**hosts, **plan.needs.variables, **server_variables(spec)}


def check_exposure(config: DeploymentConfig, address: Address) -> None:
    """Raises `InvalidConfig` for a service that everyone who reaches a remote engine could call.

    Its port is published on all addresses of that machine.
    """
    if address.is_local or config.guarded or config.without_auth:
        return
    raise InvalidConfig(
        "auth_enabled",
        False,
        f"must be given for the Docker engine at {address.host}: everyone who reaches {address.machine} "
        "could call the service",
        hint=Advice(
            "Require keys with: {on}. Allow everyone with: {off}",
            on=advice.argument("auth_enabled", True),
            off=advice.argument("auth_enabled", False),
        ),
    )


def limits_of(config: DeploymentConfig) -> dict[str, Any]:
    """The limits, as options of the SDK's host configuration.

    Memory is a hard limit, without swap. CPU is a hard limit too, except for Azure ML v1's default of a tenth
    of a core: that is a share, which counts only while other containers need the processor.
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


def host_settings(spec: ServiceSpec, plan: BuildPlan, proxy: str) -> dict[str, Any]:
    """The host configuration of a service's container: read-only, without privileges."""
    settings: dict[str, Any] = {
        "pids_limit": PROCESSES,
        "log_config": LOGS,
        "network_mode": f"container:{proxy}",
        "read_only": True,
        "tmpfs": {"/tmp": "rw,nosuid,nodev,mode=1777"},
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "binds": {proxy: {"bind": RUNS, "mode": "rw"}},
        **limits_of(spec.config),
    }
    if plan.needs.gpu:
        count = int(spec.config.compute_settings.get("gpu_cores") or -1)
        settings["device_requests"] = [{"Count": count, "Capabilities": [["gpu"]]}]
    return settings


def service_container(
    spec: ServiceSpec, plan: BuildPlan, image: str, predecessor: str | None, *, is_local: bool
) -> dict[str, Any]:
    """The options of a service's container besides its host configuration.

    The script's folder is a volume, filled from the image, so that live reload can replace the script.
    """
    return {
        "image": image,
        "name": container_name(spec),
        "command": arguments_of(spec, plan, predecessor=predecessor),
        "environment": variables_of(spec, plan, is_local=is_local),
        "labels": labels_of(spec),
        "user": f"{USER}:{USER}",
        "volumes": [APP, RUNS],
    }


def proxy_container(spec: ServiceSpec, foundation: str) -> dict[str, Any]:
    """The options of a proxy container; see `mlmagic.targets.docker.proxy`."""
    labels: Mapping[str, str] = {**labels_of(spec), PROXY_LABEL: proxy_name(spec)}
    return {
        "image": foundation,
        "name": proxy_name(spec),
        "entrypoint": _PAUSE,
        "command": [],
        "labels": labels,
        "user": f"{USER}:{USER}",
        "ports": [PORT],
        "healthcheck": {"test": ["NONE"]},
    }


def proxy_host_settings(volume: str, published: tuple[str, int | None]) -> dict[str, Any]:
    """The host configuration of a proxy container.

    ``published`` is the host's address and port; None is any port.
    """
    return {
        "port_bindings": {PORT: published},
        "pids_limit": _PAUSE_PROCESSES,
        "log_config": LOGS,
        "binds": {volume: {"bind": RUNS, "mode": "rw"}},
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": _PAUSE_MEMORY,
    }
