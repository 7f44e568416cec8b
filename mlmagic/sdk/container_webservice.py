"""What services in containers have in common, on a Docker engine or in a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlmagic.core.deployments import effective, given_of
from mlmagic.errors import UsageError
from mlmagic.sdk.exceptions import WebserviceException, raises
from mlmagic.sdk.webservice import Webservice


@dataclass(frozen=True, slots=True)
class ContainerResourceRequirements:
    """Cores and gigabytes of a container; the limits are those of a cluster."""

    cpu: float
    memory_in_gb: float
    cpu_limit: float | None = None
    memory_in_gb_limit: float | None = None


@raises(WebserviceException)
class ContainerWebservice(Webservice):
    """The values of its configuration are attributes: ``cpu_cores``, ``num_replicas``, ``namespace``, ..."""

    def __getattr__(self, name: str) -> Any:
        # Asked only for what is no attribute otherwise.
        if name.startswith("_"):
            raise AttributeError(name)
        compute, given = given_of(self._revision.config)
        values = effective(compute, given)
        if name not in values:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return values[name]

    @property
    def container_resource_requirements(self) -> ContainerResourceRequirements:
        """Cores and gigabytes, and what they may rise to."""
        config = self._revision.config
        limits = config.compute_settings
        return ContainerResourceRequirements(
            config.cpu, config.memory_gb, limits.get("cpu_cores_limit"), limits.get("memory_gb_limit")
        )

    def _update_given(self, image: None, models: Any, inference_config: Any, given: dict[str, Any]) -> None:
        if image is not None:
            raise UsageError("images are built here, and not given", hint="Give models and inference_config.")
        self._update(models, inference_config, given)

    def _own_values(self) -> dict[str, Any]:
        from mlmagic.core.deployment_file import nested

        compute, given = given_of(self._revision.config)
        return nested(
            compute, {name: value for name, value in effective(compute, given).items() if value is not None}
        )
