"""`ResourceConfiguration`: what a model asks of the place that serves it, as in the first SDK."""

from __future__ import annotations

from mlmagic.core.configuration import ResourceConfiguration as _Core
from mlmagic.sdk.exceptions import WebserviceException, raised_as


class ResourceConfiguration(_Core):
    """Cores, gigabytes, GPUs; all above 0."""

    def __init__(
        self, cpu: float | None = None, memory_in_gb: float | None = None, gpu: int | None = None
    ) -> None:
        with raised_as(WebserviceException):
            super().__init__(cpu, memory_in_gb, gpu)

    def serialize(self) -> dict[str, float | None]:
        """As a dict of JSON."""
        return {"cpu": self.cpu, "memoryInGB": self.memory_in_gb, "gpu": self.gpu}
