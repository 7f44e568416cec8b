"""What a deployment needs of this machine: absolute paths, and a container where only that will do."""

from __future__ import annotations

import os
from dataclasses import replace

from mlmagic.core.configuration import (
    BYTES_PER_GB,
    DEFAULT_CPU,
    DEFAULT_MEMORY_GB,
    DEFAULT_TARGET,
    DeploymentConfig,
)
from mlmagic.core.environment import EnvironmentNeeds, image_needs
from mlmagic.core.notify import Notify
from mlmagic.engine.targets import Targets
from mlmagic.errors import NotFound, TargetUnavailable

CONTAINERS = "docker"
"""The target for environments that need a container."""


def container_for(
    config: DeploymentConfig, needs: EnvironmentNeeds, targets: Targets, notify: Notify
) -> DeploymentConfig:
    """Azure ML v1's ``local`` as a container, if the environment needs one and Docker runs."""
    reason = next(image_needs(needs), "")
    if config.compute_type != "local" or config.target != DEFAULT_TARGET or not reason:
        return config
    try:
        targets.usable(CONTAINERS)
    except (TargetUnavailable, NotFound):
        return config  # the deploy reports what a process cannot have
    notify(f"The environment needs {reason}: the service runs in a container.")
    return replace(
        config,
        target=CONTAINERS,
        # A local process is not limited to the default CPU and memory, and neither is this container.
        cpu=os.cpu_count() or 1 if config.cpu == DEFAULT_CPU else config.cpu,
        memory_gb=max(DEFAULT_MEMORY_GB, _memory_gb() / 2)
        if config.memory_gb == DEFAULT_MEMORY_GB
        else config.memory_gb,
    )


def absolute_paths(config: DeploymentConfig) -> DeploymentConfig:
    """With absolute certificate paths: another process, in another folder, may restart the service."""
    cert, key = config.ssl_cert_pem_file, config.ssl_key_pem_file
    return replace(config, ssl_cert_pem_file=_absolute(cert), ssl_key_pem_file=_absolute(key))


def _absolute(path: str | None) -> str | None:
    return os.path.abspath(os.path.expanduser(path)) if path else None


def _memory_gb() -> float:
    import psutil

    return float(psutil.virtual_memory().total) / BYTES_PER_GB
