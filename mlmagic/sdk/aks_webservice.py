"""`AksWebservice`: replicas in a Kubernetes cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlmagic.core.arguments import ComputeType
from mlmagic.core.endpoint import EndpointVersion
from mlmagic.sdk.container_webservice import ContainerWebservice
from mlmagic.sdk.deployment import AksServiceDeploymentConfiguration, takes_arguments
from mlmagic.sdk.exceptions import WebserviceException, raises


@dataclass(frozen=True, slots=True)
class AutoScaler:
    """Autoscaling: the number of replicas, seconds between adjustments, target utilization (percent)."""

    autoscale_enabled: bool | None
    max_replicas: int | None
    min_replicas: int | None
    refresh_period_seconds: int | None
    target_utilization: int | None


@dataclass(frozen=True, slots=True)
class LivenessProbeRequirements:
    """The liveness probe of a container: times in seconds, thresholds in numbers of probes."""

    period_seconds: int | None
    initial_delay_seconds: int | None
    timeout_seconds: int | None
    success_threshold: int | None
    failure_threshold: int | None


@dataclass(frozen=True, slots=True)
class DataCollection:
    """Whether requests and responses are collected."""

    storage_enabled: bool
    event_hub_enabled: bool = False


@raises(WebserviceException)
class AksWebservice(ContainerWebservice):
    """A service in a Kubernetes cluster."""

    compute_type = "AKS"

    @staticmethod
    @takes_arguments(ComputeType.AKS)
    def deploy_configuration(**given: Any) -> AksServiceDeploymentConfiguration:
        """The configuration of a service in a cluster: by default replicas scale and requests need a key.

        With ``num_replicas`` their number is fixed. Raises `WebserviceException` with all arguments that are
        not allowed.
        """
        return AksServiceDeploymentConfiguration(**given)

    @property
    def autoscaler(self) -> AutoScaler:
        """The autoscaling settings."""
        return AutoScaler(
            self.autoscale_enabled,
            self.autoscale_max_replicas,
            self.autoscale_min_replicas,
            self.autoscale_refresh_seconds,
            self.autoscale_target_utilization,
        )

    @property
    def liveness_probe_requirements(self) -> LivenessProbeRequirements:
        """The settings of the liveness probe."""
        return LivenessProbeRequirements(
            self.period_seconds,
            self.initial_delay_seconds,
            self.timeout_seconds,
            self.success_threshold,
            self.failure_threshold,
        )

    @property
    def data_collection(self) -> DataCollection:
        """Whether requests and responses are collected."""
        return DataCollection(storage_enabled=bool(self.collect_model_data))

    @property
    def is_default(self) -> bool | None:
        """Of a version of an endpoint: whether it gets what no version is given; None for a plain service."""
        return self._version.is_default if self._version else None

    @property
    def traffic_percentile(self) -> float | None:
        """Of a version of an endpoint: its percentage of the requests; None for a plain service."""
        return self._version.traffic_percentile if self._version else None

    @property
    def version_type(self) -> str | None:
        """Of a version of an endpoint: Control or Treatment; None for a plain service."""
        return str(self._version.version_type) if self._version else None

    def _extra_values(self) -> dict[str, Any]:
        of_version = {
            "isDefault": self.is_default,
            "trafficPercentile": self.traffic_percentile,
            "versionType": self.version_type,
        }
        return {**super()._extra_values(), **of_version}

    @property
    def _version(self) -> EndpointVersion | None:
        return self._engine.endpoints.version_of(self.name)

    @takes_arguments(
        ComputeType.AKS, update=True, before=("self", "image"), after=("models", "inference_config")
    )
    def update(self, **given: Any) -> None:
        """Change the arguments given. Tags are replaced, properties are added. Returns at once."""
        self._update_given(**given)
