"""Recommend a size (CPU and memory) from a profile's measurements: pure rules."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlmagic.core.profile import (
    CPU_RANGE,
    MEMORY_RANGE,
    Goal,
    Prices,
    Recommendation,
    SizeResult,
)

HEADROOM = 1.25
"""A recommendation has a quarter more than was used, for heavier days than the measured one."""
USUAL = Prices(1.0, 0.125)
"""The default prices: a core costs as much as eight gigabytes, as in public clouds."""


def recommend(sizes: Sequence[SizeResult], goal: Goal, prices: Prices | None = None) -> Recommendation | None:
    """The cheapest size that meets the goal; without a goal, the cheapest per prediction.

    None if no size answered. If no size meets the goal, the nearest one, with ``meets_goal`` False.
    """
    usable = [size for size in sizes if size.successful] or [size for size in sizes if size.capacity]
    if not usable:
        return None
    if goal == Goal():
        return _by_price(usable, prices)
    meeting = [size for size in usable if meets(size, goal)]
    if not meeting:
        nearest = max(usable, key=lambda size: _nearness(size, goal))
        return _recommendation(
            nearest, prices, f"no size measured meets {goal}; this one comes nearest", meets=False
        )
    cheapest = min(meeting, key=lambda size: hourly(size, prices or USUAL))
    return _recommendation(cheapest, prices, f"the cheapest size that meets {goal}")


def meets(size: SizeResult, goal: Goal) -> bool:
    """Whether a size meets the goal; its latency is measured under the open load, at the goal's rate."""
    if goal.requests_per_second is not None and size.capacity < goal.requests_per_second:
        return False
    return goal.latency_ms is None or latency(size, goal) <= goal.latency_ms


def latency(size: SizeResult, goal: Goal) -> float:
    """The latency percentile of the goal, in milliseconds."""
    load = size.load("open") or size.load("closed")
    return load.percentiles_ms.get(f"{goal.percent:g}", math.inf) if load else math.inf


def hourly(size: SizeResult, prices: Prices) -> float:
    """The price of a size per hour."""
    return size.cpu * prices.core_hour + size.memory_gb * prices.gigabyte_hour


def cost_per_1000(size: SizeResult, prices: Prices) -> float:
    """The cost of 1000 predictions at capacity."""
    return hourly(size, prices) / (size.capacity * 3600) * 1000 if size.capacity else math.inf


def needed_memory(peak_gb: float, measured_gb: float) -> float:
    """The memory to recommend: the peak and a quarter more, at most the measured size, in tenths of a GB."""
    return min(measured_gb, max(MEMORY_RANGE[0], _tenths_up(peak_gb * HEADROOM)))


def needed_cpu(used: float, measured: float) -> float:
    """The cores to recommend, by the same rule, in tenths."""
    return min(measured, max(CPU_RANGE[0], _tenths_up(used * HEADROOM)))


def has_room(peak_bytes: int, more: int, free_bytes: int) -> bool:
    """Whether ``more`` services like one that used ``peak_bytes`` fit in half of the free memory.

    False if the memory use is unknown.
    """
    return more == 0 or 0 < peak_bytes * HEADROOM * more <= free_bytes / 2


def _by_price(usable: Sequence[SizeResult], prices: Prices | None) -> Recommendation:
    if len(usable) == 1:
        (only,) = usable
        return Recommendation(
            needed_cpu(only.max_cores, only.cpu),
            needed_memory(only.peak_memory_gb, only.memory_gb),
            "what it used at the only size measured, and a quarter more",
            cost_per_1000=cost_per_1000(only, prices) if prices else None,
        )
    cheapest = min(usable, key=lambda size: cost_per_1000(size, prices or USUAL))
    return _recommendation(cheapest, prices, "the cheapest size per prediction of those measured")


def _recommendation(
    size: SizeResult, prices: Prices | None, why: str, *, meets: bool = True
) -> Recommendation:
    return Recommendation(
        size.cpu,
        needed_memory(size.peak_memory_gb, size.memory_gb),
        why,
        meets,
        cost_per_1000(size, prices) if prices else None,
    )


def _nearness(size: SizeResult, goal: Goal) -> float:
    shares = []
    if goal.requests_per_second is not None:
        shares.append(min(1.0, size.capacity / goal.requests_per_second))
    if goal.latency_ms is not None:
        shares.append(min(1.0, goal.latency_ms / max(latency(size, goal), 1e-9)))
    return math.prod(shares)


def _tenths_up(value: float) -> float:
    return math.ceil(round(value * 10, 6)) / 10
