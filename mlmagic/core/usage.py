"""The resources that a service has used, and the rate of a counter."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """What a service has used since its start; zero for what its target cannot measure."""

    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    """Memory in use now."""
    peak_bytes: int = 0
    throttled_seconds: float = 0.0
    """How long the CPU limit has held it back, summed over its threads."""
    memory_kills: int = 0
    """How many of its processes were killed because it was out of memory (OOM)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The value of a counter at a time, in seconds of a monotonic clock."""

    at: float
    value: float


def rate(before: Reading | None, now: Reading) -> float | None:
    """The increase per second; None without an earlier reading.

    A lower value than before means that the counter was reset in between, so all of it counts.
    """
    if before is None or now.at <= before.at:
        return None
    counted = now.value - before.value if now.value >= before.value else now.value
    return counted / (now.at - before.at)
