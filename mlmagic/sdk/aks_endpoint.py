"""`AksEndpoint`: several versions of a service behind one URL, each with a percentage of the requests."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from mlmagic.core.arguments import ComputeType
from mlmagic.core.deployments import config_changes
from mlmagic.core.rollout import Rollout
from mlmagic.engine.endpoints.version_request import Marks, VersionRequest
from mlmagic.errors import UsageError
from mlmagic.sdk.aks_webservice import AksWebservice
from mlmagic.sdk.deployment import AksEndpointDeploymentConfiguration, takes_arguments
from mlmagic.sdk.exceptions import WebserviceException, raises
from mlmagic.sdk.inference import InferenceConfig
from mlmagic.sdk.messages import show_line
from mlmagic.sdk.model_references import model_ids
from mlmagic.sdk.webservice import Webservice

_OF_TRAFFIC = ("traffic_percentile", "is_default", "is_control_version_type", "shadow_percentile")
_OF_ENDPOINT = (
    "auth_enabled", "token_auth_enabled", "enable_app_insights", "description", "tags", "properties",
)  # fmt: skip
_VERSION_ORDER = (
    "self", "version_name", "autoscale_enabled", "autoscale_min_replicas", "autoscale_max_replicas",
    "autoscale_refresh_seconds", "autoscale_target_utilization", "collect_model_data", "cpu_cores",
    "memory_gb", "scoring_timeout_ms", "replica_max_concurrent_requests", "max_request_wait_time",
    "num_replicas", "tags", "properties", "description", "models", "inference_config", "gpu_cores",
    "period_seconds", "initial_delay_seconds", "timeout_seconds", "success_threshold", "failure_threshold",
    "traffic_percentile", "is_default", "is_control_version_type", "cpu_cores_limit", "memory_gb_limit",
)  # fmt: skip
"""The order of the arguments of ``create_version`` and ``update_version`` in Azure ML v1."""


@raises(WebserviceException)
class AksEndpoint(AksWebservice):
    """An endpoint: its versions are services, and it gives each its share of the requests.

    It runs wherever its versions run: in a cluster, in containers, or on this machine.
    """

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
    def versions(self) -> Mapping[str, Webservice]:
        """The services of the versions, by name of version, in the order in which they were created."""
        endpoint = self._engine.endpoints.endpoint(self.name)
        return {
            each.name: Webservice.of(self.workspace, self._engine.services.get(each.service))
            for each in endpoint.versions
        }

    @property
    def traffic(self) -> dict[str, float]:
        """The percentage of the requests that each version gets now, by name; together 100."""
        return self._engine.endpoints.endpoint(self.name).shares

    @property
    def rollout(self) -> Rollout | None:
        """The rollout that is under way, or was the last: its version, state and reason."""
        return self._engine.endpoints.endpoint(self.name).rollout

    @takes_arguments(
        ComputeType.AKS_ENDPOINT,
        update=True,
        before=_VERSION_ORDER,
        after=("shadow_percentile",),
    )
    def create_version(self, **given: Any) -> None:
        """Add a version, which gets ``traffic_percentile`` percent of the requests (0 without it).

        What is not given is as in the default version. ``is_default``: it gets what no version is given, and
        no other one is the default any more. ``is_control_version_type``: the others are compared with it.
        ``shadow_percentile``: the percentage of the other versions' requests of which it gets copies; its
        answers are compared. An endpoint has up to six versions. Returns at once, see `wait_for_deployment`.
        """
        name = _version_name(given)
        default = self._engine.endpoints.endpoint(self.name).default
        self._engine.endpoints.create_version(
            self.name, name, self._request(default.service, given), _marks(given), notify=show_line
        )

    @takes_arguments(
        ComputeType.AKS_ENDPOINT,
        update=True,
        before=_VERSION_ORDER,
        after=("shadow_percentile",),
    )
    def update_version(self, **given: Any) -> None:
        """Change a version: what it serves, its settings, or its percentage. Returns at once.

        The arguments are those of `create_version`; what is not given stays.
        """
        name = _version_name(given)
        version = self._engine.endpoints.endpoint(self.name).version(name)
        self._engine.endpoints.update_version(
            self.name, name, self._request(version.service, given), _marks(given), notify=show_line
        )

    def delete_version(self, version_name: str) -> None:
        """Remove a version; its share of the requests goes to the default version, which itself must stay."""
        self._engine.endpoints.delete_version(self.name, version_name)

    @takes_arguments(ComputeType.AKS_ENDPOINT, update=True, before=("self", *_OF_ENDPOINT))
    def update(self, **given: Any) -> None:
        """Change what belongs to the endpoint: authentication, description, tags, properties.

        Raises `WebserviceException` for what belongs to a version, see `update_version`.
        """
        wanted = {name: value for name, value in given.items() if value is not None}
        other = [name for name in wanted if name not in _OF_ENDPOINT]
        if other:
            raise UsageError(
                f"an endpoint has no {' or '.join(other)}: that belongs to a version",
                hint=f"Use update_version(version_name, {other[0]}=...).",
            )
        self._update(None, None, wanted)

    def get_logs(self, num_lines: int = 5000, init: bool = False) -> str:
        """The last ``num_lines`` lines of the log of each version, those of ``init()`` included."""
        parts = []
        for name, version in self.versions.items():
            parts += [f"== version {name} ==", version.get_logs(num_lines, init)]
        return "\n".join(parts)

    def _request(self, service: str, given: Mapping[str, Any]) -> VersionRequest:
        """What a version is to serve, of the arguments that differ from those of ``service``."""
        models, inference = given.get("models"), given.get("inference_config")
        settings = {
            name: value
            for name, value in given.items()
            if value is not None and name not in ("models", "inference_config", "version_name", *_OF_TRAFFIC)
        }
        current = self._engine.services.revision(self._engine.services.get(service)).config
        changes = config_changes(current, settings) if settings else {}
        if isinstance(inference, InferenceConfig):
            if inference.environment_variables:
                changes["environment_variables"] = inference.environment_variables
            inference = inference.to_core()
        return VersionRequest(
            None if models is None else model_ids(self._engine, models),
            inference,
            changes=changes or None,
            nearest=True,
        )


def _version_name(given: Mapping[str, Any]) -> str:
    name = given.get("version_name")
    if not name:
        raise UsageError("version_name is missing", hint="For example version_name='blue'.")
    return str(name)


def _marks(given: Mapping[str, Any]) -> Marks:
    return Marks(
        given.get("traffic_percentile"),
        given.get("is_default"),
        given.get("is_control_version_type"),
        given.get("shadow_percentile"),
    )
