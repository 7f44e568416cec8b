"""`AksEndpoint`: several versions of a service behind one address, each with its share of the requests."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from mlmagic.core.arguments import ComputeType
from mlmagic.errors import TargetUnavailable
from mlmagic.sdk.aks_webservice import AksWebservice
from mlmagic.sdk.deployment import AksEndpointDeploymentConfiguration, takes_arguments
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
    @takes_arguments(ComputeType.AKS_ENDPOINT)
    def deploy_configuration(**given: Any) -> AksEndpointDeploymentConfiguration:  # type: ignore[override]
        """The configuration of an endpoint and its first version. Raises `WebserviceException`."""
        return AksEndpointDeploymentConfiguration(**given)

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
