"""Usage metrics of a service: rates, from what it and its target count since its start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlmagic.core.usage import Reading, Usage, rate

USAGE_SECONDS = 5.0
"""Seconds between two readings from the target: the local target reads every process for one."""


@dataclass(slots=True)
class UsageMetrics:
    """Compares each reading with the one before. A supervisor has one for each service."""

    _requests: Reading | None = None
    _cpu: Reading | None = None
    _used: dict[str, float] = field(default_factory=dict)

    def wants_usage(self, at: float) -> bool:
        """Whether the next reading from the target is due."""
        return self._cpu is None or at - self._cpu.at >= USAGE_SECONDS

    def note_usage(self, usage: Usage, at: float) -> None:
        """Add a reading from the target; without memory in it, no usage is shown."""
        now = Reading(at, usage.cpu_seconds)
        cores, self._cpu = rate(self._cpu, now), now
        self._used = {}
        if usage.memory_bytes:
            self._used["memory_bytes"] = float(round(usage.memory_bytes, -6))
            if cores is not None:
                self._used["cpu_cores"] = round(cores, 2)

    def stats(self, counted: Mapping[str, float], ready: int, at: float) -> dict[str, float]:
        """The service's own figures with requests per second, replicas, and what it uses.

        Rounded, so that the figures of a service at rest do not change.
        """
        found = dict(counted)
        if "requests" in counted:
            now = Reading(at, counted["requests"])
            per_second, self._requests = rate(self._requests, now), now
            if per_second is not None:
                found["requests_per_second"] = float(f"{per_second:.3g}")
        return {**found, **self._used, "replicas": float(ready)}
