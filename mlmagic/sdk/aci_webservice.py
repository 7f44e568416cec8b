"""`AciWebservice`: one container on a Docker engine, with so many cores and gigabytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mlmagic.core.arguments import ComputeType
from mlmagic.core.configuration import InferenceConfig as CoreInferenceConfig
from mlmagic.sdk.container_webservice import ContainerWebservice
from mlmagic.sdk.deployment import AciServiceDeploymentConfiguration, takes_arguments
from mlmagic.sdk.exceptions import WebserviceException, raises
from mlmagic.sdk.model import Model
from mlmagic.sdk.webservice import Webservice

if TYPE_CHECKING:
    from mlmagic.sdk.inference import InferenceConfig


@raises(WebserviceException)
class AciWebservice(ContainerWebservice):
    """A service in a container."""

    @staticmethod
    @takes_arguments(ComputeType.ACI)
    def deploy_configuration(**given: Any) -> AciServiceDeploymentConfiguration:
        """The configuration of a service in a container. Raises `WebserviceException`."""
        return AciServiceDeploymentConfiguration(**given)

    @takes_arguments(
        ComputeType.ACI, update=True, before=("self", "image"), after=("models", "inference_config")
    )
    def update(
        self,
        image: None = None,
        models: Iterable[str | Model] | None = None,
        inference_config: InferenceConfig | CoreInferenceConfig | None = None,
        **given: Any,
    ) -> None:
        """Change models, script or arguments; what is not named stays. Returns at once.

        Tags are replaced, properties are added.
        """
        self._update_given(image, models, inference_config, given)


Webservice._classes["docker"] = AciWebservice
