"""`ResourceConfiguration`: the CPU cores, memory and GPUs that a model needs where it is served."""

from __future__ import annotations

from mlmagic.core.configuration import ResourceConfiguration as _Core
from mlmagic.sdk.exceptions import WebserviceException, raised_as


class ResourceConfiguration(_Core):
    """CPU cores, memory in GB and GPUs; all above 0."""

    def __init__(
        self, cpu: float | None = None, memory_in_gb: float | None = None, gpu: int | None = None
    ) -> None:
        with raised_as(WebserviceException):
            super().__init__(cpu, memory_in_gb, gpu)

    def serialize(self) -> dict[str, float | None]:
        """The values as a dict with Azure ML v1's keys."""
        return {"cpu": self.cpu, "memoryInGB": self.memory_in_gb, "gpu": self.gpu}
