"""`AciWebservice`: one container on a Docker engine, with limited CPU and memory."""

from __future__ import annotations

from typing import Any

from mlmagic.core.deployments import ComputeType
from mlmagic.sdk import signatures
from mlmagic.sdk.container_webservice import ContainerWebservice
from mlmagic.sdk.deployment import AciServiceDeploymentConfiguration
from mlmagic.sdk.exceptions import WebserviceException, raises


@raises(WebserviceException)
class AciWebservice(ContainerWebservice):
    """A service in one container."""

    @staticmethod
    @signatures.deploy_signature(ComputeType.ACI, signatures.ACI)
    def deploy_configuration(**given: Any) -> AciServiceDeploymentConfiguration:
        """The configuration of a service in a container: by default 0.1 cores, 0.5 GB and no authentication.

        ``more`` are mlmagic's own arguments: ``cors_origins``, ``batch``, ``port``, ... Raises
        `WebserviceException` with all arguments that are not allowed.
        """
        return AciServiceDeploymentConfiguration(**given)

    @signatures.update_signature(ComputeType.ACI, signatures.ACI_UPDATE)
    def update(self, **given: Any) -> None:
        """Change the arguments given. Tags are replaced, properties are added. Returns at once."""
        self._update_given(**given)
