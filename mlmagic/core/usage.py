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
