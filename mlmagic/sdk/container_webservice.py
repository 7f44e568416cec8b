"""What services in containers share, on a Docker engine or in a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlmagic.core.deployments import effective, given_of
from mlmagic.core.documents import nested
from mlmagic.errors import UsageError
from mlmagic.sdk.exceptions import WebserviceException, raises
from mlmagic.sdk.webservice import Webservice


@dataclass(frozen=True, slots=True)
class ContainerResourceRequirements:
    """CPU cores and memory (GB) of a container; limits apply in a cluster only."""

    cpu: float
    memory_in_gb: float
    cpu_limit: float | None = None
    memory_in_gb_limit: float | None = None


@raises(WebserviceException)
class ContainerWebservice(Webservice):
    """The values of its configuration are attributes: ``cpu_cores``, ``num_replicas``, ``namespace``, ..."""

    def __getattr__(self, name: str) -> Any:
        # Python calls it only for names that are not attributes otherwise.
        if name.startswith("_"):
            raise AttributeError(name)
        values = self._values()
        if name not in values:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return values[name]

    @property
    def container_resource_requirements(self) -> ContainerResourceRequirements:
        """CPU cores and memory, and their limits."""
        config = self._revision.config
        limits = config.compute_settings
        return ContainerResourceRequirements(
            config.cpu, config.memory_gb, limits.get("cpu_cores_limit"), limits.get("memory_gb_limit")
        )

    def _update_given(
        self, *, image: object = None, models: Any = None, inference_config: Any = None, **settings: Any
    ) -> None:
        """Update by the arguments of a subclass's ``update``."""
        if image is not None:
            raise UsageError(
                "images are built by mlmagic and cannot be given", hint="Give models and inference_config."
            )
        self._update(models, inference_config, settings)

    def _values(self) -> dict[str, Any]:
        compute, given = given_of(self._revision.config)
        return effective(compute, given)

    def _extra_values(self) -> dict[str, Any]:
        compute, given = given_of(self._revision.config)
        return nested(
            compute, {name: value for name, value in effective(compute, given).items() if value is not None}
        )
