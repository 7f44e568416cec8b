"""`AciWebservice`: one container on a Docker engine, with limited CPU and memory."""

from __future__ import annotations

from typing import Any

from mlmagic.core.arguments import ComputeType
from mlmagic.sdk.container_webservice import ContainerWebservice
from mlmagic.sdk.deployment import AciServiceDeploymentConfiguration, takes_arguments
from mlmagic.sdk.exceptions import WebserviceException, raises


@raises(WebserviceException)
class AciWebservice(ContainerWebservice):
    """A service in one container."""

    compute_type = "ACI"

    @staticmethod
    @takes_arguments(ComputeType.ACI)
    def deploy_configuration(**given: Any) -> AciServiceDeploymentConfiguration:
        """The configuration of a service in a container: by default 0.1 cores, 0.5 GB and no authentication.

        Raises `WebserviceException` with all arguments that are not allowed.
        """
        return AciServiceDeploymentConfiguration(**given)

    @takes_arguments(
        ComputeType.ACI, update=True, before=("self", "image"), after=("models", "inference_config")
    )
    def update(self, **given: Any) -> None:
        """Change the arguments given. Tags are replaced, properties are added. Returns at once."""
        self._update_given(**given)
