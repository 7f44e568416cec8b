"""Deployments to an attached cluster: the same rules for `Model.deploy` and for ``--ct NAME``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mlmagic.core.arguments import CLUSTERS, ComputeType
from mlmagic.core.configuration import DeploymentConfig
from mlmagic.core.deployments import deployment
from mlmagic.errors import InvalidConfig, UsageError
from mlmagic.sdk.compute import KIND, AksCompute, ComputeTarget
from mlmagic.sdk.workspace_base import WorkspaceBase


def on_cluster(cluster: AksCompute, config: DeploymentConfig | None) -> DeploymentConfig:
    """``config`` for a service on a cluster, with the cluster's certificate; AKS's defaults for None.

    Raises `InvalidConfig` if ``config`` is of another compute type.
    """
    config = config or deployment(ComputeType.AKS, {})
    compute = ComputeType.parse(config.compute_type or ComputeType.of_target(config.target))
    if compute not in CLUSTERS:
        raise InvalidConfig(
            "deployment configuration",
            str(compute),
            f"is not of a cluster, and {cluster.name!r} is one",
            hint="Use AksWebservice.deploy_configuration(), or computeType aks in a file.",
        )
    settings = {**config.compute_settings, "compute_target_name": cluster.name}
    target = cluster.target if config.target == ComputeType.AKS.target else config.target
    return replace(config, target=target, compute_settings=settings, **cluster.certificate)


def on_named_cluster(workspace: WorkspaceBase, config: DeploymentConfig) -> DeploymentConfig:
    """``config`` with the certificate of the cluster that it names, if that one is attached."""
    name = config.compute_settings.get("compute_target_name")
    cluster = find_cluster(workspace, name) if name else None
    return config if cluster is None else on_cluster(cluster, config)


def find_cluster(workspace: WorkspaceBase, name: str) -> AksCompute | None:
    """The attached cluster called ``name``; None if no compute target has that name. Raises `UsageError`."""
    if name not in {asset.name for asset in workspace.engine.assets.list(KIND)}:
        return None
    return cluster_of(ComputeTarget(workspace, name))


def cluster_of(target: Any) -> AksCompute:
    """``target`` as a cluster. Raises `UsageError` for another compute target: services run on clusters."""
    if not isinstance(target, AksCompute):
        is_known = isinstance(target, ComputeTarget)
        shown = f"{target.name!r}, of type {target.type}," if is_known else repr(target)
        raise UsageError(
            f"{shown} runs no services",
            hint="Name an attached cluster (AksCompute), or give a deployment configuration alone.",
        )
    return target
