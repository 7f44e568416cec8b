"""What the dispatcher decides: pure functions."""

from __future__ import annotations

from collections.abc import Mapping

LONGEST_DELAY_S = 60.0
_PROBES = (b"GET / ", b"HEAD / ")
STEADY_S = 60.0
"""A worker that has served for so long has started well: what ended before it no longer counts."""


def least_connections(open_connections: Mapping[int, int], after: int) -> int | None:
    """The worker with the fewest connections; of several, the next one after the last that was chosen.

    ``open_connections`` are by worker; ``after`` is the worker that got the connection before. None if there
    is no worker.
    """
    if not open_connections:
        return None
    fewest = min(open_connections.values())
    candidates = sorted(number for number, count in open_connections.items() if count == fewest)
    return next((number for number in candidates if number > after), candidates[0])


def restart_delay(failures: int) -> float:
    """Seconds to wait before the next start of a worker, after so many in a row that ended soon."""
    return 0.0 if failures <= 1 else min(0.5 * 2.0 ** min(failures - 2, 30), LONGEST_DELAY_S)


def is_probe(head: bytes) -> bool | None:
    """Whether a connection begins with a health probe, ``GET /``; None if too few bytes have come to tell."""
    if head.startswith(_PROBES):
        return True
    return None if any(probe.startswith(head) for probe in _PROBES) else False
