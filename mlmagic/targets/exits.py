"""Messages about containers that have ended, in the same words on every target."""

from __future__ import annotations

MEMORY_HINT = "Raise memory_gb, or use a smaller model."


def out_of_memory(limit_bytes: int) -> str:
    """A container was ended because it needed more memory than its limit."""
    return (
        f"out of memory: the service needs more than its limit memory_gb={limit_bytes / (1 << 30):g} "
        f"({limit_bytes / (1 << 20):.0f} MiB)"
    )


def ended_with(code: int) -> str:
    """A container ended by itself with this exit code, or by a signal."""
    if code == 128 + 9:
        return "the container was ended by signal SIGKILL"
    return f"the container exited with code {code}"
