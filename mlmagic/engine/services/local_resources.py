"""What a deployment needs of this machine: absolute paths, and a container where only that will do."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from mlmagic.core import advice
from mlmagic.core.arguments import CLUSTERS, ComputeType
from mlmagic.core.collection import STORE
from mlmagic.core.configuration import (
    BYTES_PER_GB,
    DEFAULT_CPU,
    DEFAULT_MEMORY_GB,
    DEFAULT_TARGET,
    DeploymentConfig,
)
from mlmagic.core.environment import EnvironmentNeeds
from mlmagic.core.notify import Notify
from mlmagic.engine.targets import Targets
from mlmagic.errors import Advice, NotFound, TargetUnavailable
from mlmagic.scoring.collection.settings import is_url
from mlmagic.targets.base import ComputeTarget

CONTAINERS = "docker"
"""The target for environments that need a container."""


def placed(config: DeploymentConfig, targets: Targets, notify: Notify) -> DeploymentConfig:
    """With the target that stands here for the compute type of ``config``; says which, and what it lacks."""
    if not is_placed_by_type(config):
        return config
    compute = ComputeType.parse(config.compute_type)
    found = targets.placement(compute)
    if found is None or found.target == config.target:
        return config
    can = targets.get(found.target).capabilities
    lacks = ["CPU and memory are not limited there"] if can.runs_interpreter else []
    if compute in CLUSTERS and not can.scales:
        lacks.append("one replica runs")
    elif compute in CLUSTERS and config.autoscales and not can.autoscales:
        count = f"{config.replicas} replica{'' if config.replicas == 1 else 's'}"
        lacks.append(f"{count} always run{'s' if config.replicas == 1 else ''}")
    more = f"; {' and '.join(lacks)}" if lacks else ""
    notify(f"{compute} runs on the target {found.target} here, as {found.setting} says{more}.")
    moved = replace(config, target=found.target)
    return _as_large_as_a_process(moved) if compute is ComputeType.LOCAL else moved


def check_usable(config: DeploymentConfig, targets: Targets) -> ComputeTarget[Any]:
    """The target of ``config``; if it cannot run services now, the error offers another for its compute type.

    Raises `TargetUnavailable`.
    """
    try:
        return targets.usable(config.target)
    except TargetUnavailable as error:
        if is_placed_by_type(config) and config.target != DEFAULT_TARGET:
            raise unavailable(ComputeType.parse(config.compute_type), error) from None
        raise


def unavailable(compute: ComputeType, error: TargetUnavailable) -> TargetUnavailable:
    """``error`` of the usual target of ``compute``, with the setting by which another one stands for it."""
    key = ComputeType.AKS if compute in CLUSTERS else compute
    return TargetUnavailable(
        error.target,
        f"{compute} cannot run here: {error.message}",
        fix=Advice(
            "{start} Or run every {key} service on this machine: {setting}",
            start=error.hint if error.hint.endswith(".") else Advice("{hint}.", hint=error.hint),
            key=str(key),
            setting=advice.compute(key, DEFAULT_TARGET),
        ),
    )


def say_what_is_not_limited(
    config: DeploymentConfig, before: DeploymentConfig, target: ComputeTarget[Any], notify: Notify
) -> None:
    """Say that ``target`` sets no limit, if ``config`` asks for a CPU or memory that ``before`` did not."""
    asked = {
        name: getattr(config, name)
        for name in ("cpu", "memory_gb")
        if getattr(config, name) != getattr(before, name)
    }
    if asked and target.capabilities.runs_interpreter:
        sizes = " and ".join(f"{name}={value:g}" for name, value in asked.items())
        verb = "has" if len(asked) == 1 else "have"
        notify(f"{sizes} {verb} no effect on the target {config.target!r}: it does not limit a service.")


def is_placed_by_type(config: DeploymentConfig) -> bool:
    """Whether the compute type of ``config`` chose its target, and not the caller."""
    name = config.target.partition(":")[0]  # a context may follow
    return bool(config.compute_type) and name == ComputeType.parse(config.compute_type).target


def container_for(
    config: DeploymentConfig, needs: EnvironmentNeeds, targets: Targets, notify: Notify
) -> DeploymentConfig:
    """Azure ML v1's ``local`` as a container, if the environment needs one and Docker runs."""
    reason = next(iter(needs.of_image), "")
    if config.compute_type != "local" or config.target != DEFAULT_TARGET or not reason:
        return config
    try:
        targets.usable(CONTAINERS)
    except (TargetUnavailable, NotFound):
        return config  # the deploy reports what a process cannot have
    notify(f"The environment needs {reason}: the service runs in a container.")
    return _as_large_as_a_process(replace(config, target=CONTAINERS))


def _as_large_as_a_process(config: DeploymentConfig) -> DeploymentConfig:
    """A local process is not limited to the default CPU and memory, and neither is a container instead."""
    return replace(
        config,
        cpu=os.cpu_count() or 1 if config.cpu == DEFAULT_CPU else config.cpu,
        memory_gb=max(DEFAULT_MEMORY_GB, _memory_gb() / 2)
        if config.memory_gb == DEFAULT_MEMORY_GB
        else config.memory_gb,
    )


def absolute_paths(config: DeploymentConfig) -> DeploymentConfig:
    """With absolute paths: another process, in another folder, may restart the service."""
    cert, key = config.ssl_cert_pem_file, config.ssl_key_pem_file
    store = config.compute_settings.get(STORE)
    if store and not is_url(store):
        folder = _absolute(store.removeprefix("file://"))
        config = replace(config, compute_settings={**config.compute_settings, STORE: folder})
    return replace(config, ssl_cert_pem_file=_absolute(cert), ssl_key_pem_file=_absolute(key))


def _absolute(path: str | None) -> str | None:
    return os.path.abspath(os.path.expanduser(path)) if path else None


def _memory_gb() -> float:
    import psutil

    return float(psutil.virtual_memory().total) / BYTES_PER_GB
