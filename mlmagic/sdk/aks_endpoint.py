"""`AksEndpoint`: several versions of a service behind one address, each with its share of the requests."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from mlmagic.errors import TargetUnavailable
from mlmagic.sdk.aks_webservice import AksWebservice
from mlmagic.sdk.deployment import AksEndpointDeploymentConfiguration
from mlmagic.sdk.exceptions import WebserviceException, raises

VERSION_LIMIT = 6
"""Versions of one endpoint, as the documents say."""


@raises(WebserviceException)
class AksEndpoint(AksWebservice):
    """An endpoint in a cluster."""

    class VersionType(Enum):
        """There is one control; all others are treatments."""

        control = "Control"
        treatment = "Treatment"

    @staticmethod
    def deploy_configuration(  # type: ignore[override]
        autoscale_enabled: bool | None = None,
        autoscale_min_replicas: int | None = None,
        autoscale_max_replicas: int | None = None,
        autoscale_refresh_seconds: int | None = None,
        autoscale_target_utilization: int | None = None,
        collect_model_data: bool | None = None,
        auth_enabled: bool | None = None,
        cpu_cores: float | None = None,
        memory_gb: float | None = None,
        enable_app_insights: bool | None = None,
        scoring_timeout_ms: int | None = None,
        replica_max_concurrent_requests: int | None = None,
        max_request_wait_time: int | None = None,
        num_replicas: int | None = None,
        primary_key: str | None = None,
        secondary_key: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        description: str | None = None,
        gpu_cores: int | None = None,
        period_seconds: int | None = None,
        initial_delay_seconds: int | None = None,
        timeout_seconds: int | None = None,
        success_threshold: int | None = None,
        failure_threshold: int | None = None,
        namespace: str | None = None,
        token_auth_enabled: bool | None = None,
        compute_target_name: str | None = None,
        cpu_cores_limit: float | None = None,
        memory_gb_limit: float | None = None,
        version_name: str | None = None,
        traffic_percentile: float | None = None,
        **ours: Any,
    ) -> AksEndpointDeploymentConfiguration:
        """As AksWebservice's, and the name of the first version (the endpoint's) and its share in percent.
        Raises `WebserviceException` with all that cannot be.
        """
        given = locals()
        return AksEndpointDeploymentConfiguration(**given.pop("ours"), **given)

    @property
    def versions(self) -> Mapping[str, AksWebservice]:
        """The versions, by name."""
        raise versions_missing()

    def create_version(self, version_name: str, **settings: Any) -> None:
        """Add a version."""
        raise versions_missing()

    def update_version(self, version_name: str, **settings: Any) -> None:
        """Change a version."""
        raise versions_missing()

    def delete_version(self, version_name: str) -> None:
        """Remove a version."""
        raise versions_missing()


def versions_missing() -> TargetUnavailable:
    """What to say while no target has versions."""
    return TargetUnavailable(
        "kubernetes",
        "an endpoint's versions live in a Kubernetes cluster, and no target 'kubernetes' is installed",
        fix="Deploy each version as a service of its own, with LocalWebservice.deploy_configuration().",
    )
