"""`AksWebservice`: replicas in a Kubernetes cluster."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlmagic.core.arguments import ComputeType
from mlmagic.core.configuration import InferenceConfig as CoreInferenceConfig
from mlmagic.sdk.container_webservice import ContainerWebservice
from mlmagic.sdk.deployment import AksServiceDeploymentConfiguration, takes_arguments
from mlmagic.sdk.exceptions import WebserviceException, raises
from mlmagic.sdk.model import Model
from mlmagic.sdk.webservice import Webservice

if TYPE_CHECKING:
    from mlmagic.sdk.inference import InferenceConfig


@dataclass(frozen=True, slots=True)
class AutoScaler:
    """How replicas follow the traffic: how many, looked at how often (seconds), how busy (percent)."""

    autoscale_enabled: bool | None
    max_replicas: int | None
    min_replicas: int | None
    refresh_period_seconds: int | None
    target_utilization: int | None


@dataclass(frozen=True, slots=True)
class LivenessProbeRequirements:
    """When a container is taken for dead: times in seconds, thresholds in probes."""

    period_seconds: int | None
    initial_delay_seconds: int | None
    timeout_seconds: int | None
    success_threshold: int | None
    failure_threshold: int | None


@dataclass(frozen=True, slots=True)
class DataCollection:
    """Where what goes in and out is kept."""

    storage_enabled: bool
    event_hub_enabled: bool = False


@raises(WebserviceException)
class AksWebservice(ContainerWebservice):
    """A service in a cluster."""

    @staticmethod
    @takes_arguments(ComputeType.AKS)
    def deploy_configuration(**given: Any) -> AksServiceDeploymentConfiguration:
        """The configuration of a service in a cluster. Raises `WebserviceException`."""
        return AksServiceDeploymentConfiguration(**given)

    @property
    def autoscaler(self) -> AutoScaler:
        """How the replicas follow the traffic."""
        return AutoScaler(
            self.autoscale_enabled,
            self.autoscale_max_replicas,
            self.autoscale_min_replicas,
            self.autoscale_refresh_seconds,
            self.autoscale_target_utilization,
        )

    @property
    def liveness_probe_requirements(self) -> LivenessProbeRequirements:
        """When the cluster takes a container for dead."""
        return LivenessProbeRequirements(
            self.period_seconds,
            self.initial_delay_seconds,
            self.timeout_seconds,
            self.success_threshold,
            self.failure_threshold,
        )

    @property
    def data_collection(self) -> DataCollection:
        """Whether what goes in and out is kept."""
        return DataCollection(storage_enabled=bool(self.collect_model_data))

    @takes_arguments(
        ComputeType.AKS, update=True, before=("self", "image"), after=("models", "inference_config")
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


Webservice._classes["kubernetes"] = AksWebservice
