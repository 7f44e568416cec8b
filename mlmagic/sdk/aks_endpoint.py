"""`AksEndpoint`: several versions of a service behind one URL, each with a percentage of the traffic."""

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
"""The most versions of one endpoint in Azure ML v1."""


@raises(WebserviceException)
class AksEndpoint(AksWebservice):
    """An endpoint in a Kubernetes cluster."""

    compute_type = "AKSENDPOINT"

    class VersionType(Enum):
        """One version is the control; the others are treatments."""

        control = "Control"
        treatment = "Treatment"

    @staticmethod
    @takes_arguments(ComputeType.AKS_ENDPOINT)
    def deploy_configuration(**given: Any) -> AksEndpointDeploymentConfiguration:  # type: ignore[override]
        """The configuration of `AksWebservice`, and the first version's name and traffic percentage.

        Raises `WebserviceException` with all arguments that are not allowed.
        """
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
    """The error while no compute target has versions."""
    return TargetUnavailable(
        "kubernetes",
        "no compute target has endpoint versions yet: an endpoint runs its first version",
        fix="Deploy each version as a separate service with LocalWebservice.deploy_configuration().",
    )
