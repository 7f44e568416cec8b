"""What a service does now, from what it and its target count since its start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlmagic.core.usage import Reading, Usage, rate

USAGE_SECONDS = 5.0
"""A target is asked this often what a service uses: here that means looking at every process there is."""


@dataclass(slots=True)
class Gauges:
    """Compares each reading with the one before. It is the supervisor's, one for each service."""

    _requests: Reading | None = None
    _cpu: Reading | None = None
    _used: dict[str, float] = field(default_factory=dict)

    def wants_usage(self, at: float) -> bool:
        """Whether it is time to ask the target again."""
        return self._cpu is None or at - self._cpu.at >= USAGE_SECONDS

    def note_usage(self, usage: Usage, at: float) -> None:
        """What the target told; a place that cannot tell says nothing of memory."""
        now = Reading(at, usage.cpu_seconds)
        cores, self._cpu = rate(self._cpu, now), now
        self._used = {}
        if usage.memory_bytes:
            self._used["memory_bytes"] = float(round(usage.memory_bytes, -6))
            if cores is not None:
                self._used["cpu_cores"] = round(cores, 2)

    def stats(self, told: Mapping[str, float], ready: int, at: float) -> dict[str, float]:
        """The service's own figures with requests per second, replicas, and what it uses.

        Rounded, so that a service at rest is one whose figures do not change.
        """
        found = dict(told)
        if "requests" in told:
            now = Reading(at, told["requests"])
            per_second, self._requests = rate(self._requests, now), now
            if per_second is not None:
                found["requests_per_second"] = float(f"{per_second:.3g}")
        return {**found, **self._used, "replicas": float(ready)}
