"""`AksWebservice`: replicas in a Kubernetes cluster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlmagic.core.configuration import InferenceConfig as CoreInferenceConfig
from mlmagic.sdk.container_webservice import ContainerWebservice
from mlmagic.sdk.deployment import AksServiceDeploymentConfiguration
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
    def deploy_configuration(
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
        blobfuse_enabled: bool | None = None,
        **ours: Any,
    ) -> AksServiceDeploymentConfiguration:
        """Replicas scale by themselves unless ``num_replicas`` is given; keys are on. ``ours`` are
        ``cors_origins`` and ``batch``. Raises `WebserviceException` with all that cannot be.
        """
        given = locals()
        return AksServiceDeploymentConfiguration(**given.pop("ours"), **given)

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

    def update(  # type: ignore[override]
        self,
        image: None = None,
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
        cpu_cores_limit: float | None = None,
        memory_gb_limit: float | None = None,
        models: Iterable[str | Model] | None = None,
        inference_config: InferenceConfig | CoreInferenceConfig | None = None,
        **more: Any,
    ) -> None:
        """Change what is named; tags are replaced, properties added. Returns at once."""
        self._update_given(locals())


Webservice._classes["kubernetes"] = AksWebservice
