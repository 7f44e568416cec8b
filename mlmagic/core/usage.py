"""What a process tree has used: told by whoever runs it, read by whoever sizes it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """What a service has used since its start. Zero where the place cannot tell."""

    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    """Now."""
    peak_bytes: int = 0
    throttled_seconds: float = 0.0
    """How long it was held back by its CPU limit, in sum over its threads."""
    memory_kills: int = 0
    """How often a process of it was ended for want of memory."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A counter at a moment (seconds, of a clock that only goes on)."""

    at: float
    value: float


def rate(before: Reading | None, now: Reading) -> float | None:
    """How much is counted per second; None while there is nothing to compare with.

    A counter that stands lower than before has begun anew in between: all it counts is since then.
    """
    if before is None or now.at <= before.at:
        return None
    counted = now.value - before.value if now.value >= before.value else now.value
    return counted / (now.at - before.at)
