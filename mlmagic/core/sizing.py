"""Which size to take, by what was measured: pure rules."""

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
"""A quarter more than was used: what is measured today is not the worst day."""
USUAL = Prices(1.0, 0.125)
"""Where no prices are given, a core counts as eight gigabytes, as clouds price them."""


def recommend(sizes: Sequence[SizeResult], goal: Goal, prices: Prices | None = None) -> Recommendation | None:
    """The cheapest size that meets the goal; without a goal, the cheapest per prediction.

    None where no size answered. A goal that none meets gives the one that comes nearest, and says so.
    """
    usable = [size for size in sizes if size.successful] or [size for size in sizes if size.capacity]
    if not usable:
        return None
    if goal == Goal():
        return _by_price(usable, prices)
    meeting = [size for size in usable if meets(size, goal)]
    if not meeting:
        nearest = max(usable, key=lambda size: _nearness(size, goal))
        return _made(nearest, prices, f"no size measured meets {goal}; this one comes nearest", meets=False)
    cheapest = min(meeting, key=lambda size: hourly(size, prices or USUAL))
    return _made(cheapest, prices, f"the cheapest size that meets {goal}")


def meets(size: SizeResult, goal: Goal) -> bool:
    """Whether a size reaches the goal; the latency is that under the open load, at the goal's rate."""
    if goal.requests_per_second is not None and size.capacity < goal.requests_per_second:
        return False
    return goal.latency_ms is None or latency(size, goal) <= goal.latency_ms


def latency(size: SizeResult, goal: Goal) -> float:
    """The percentile that the goal is about, in milliseconds."""
    load = size.load("open") or size.load("closed")
    return load.percentiles_ms.get(f"{goal.percent:g}", math.inf) if load else math.inf


def hourly(size: SizeResult, prices: Prices) -> float:
    """What an hour of that size costs."""
    return size.cpu * prices.core_hour + size.memory_gb * prices.gigabyte_hour


def cost_per_1000(size: SizeResult, prices: Prices) -> float:
    """What a thousand predictions cost at capacity."""
    return hourly(size, prices) / (size.capacity * 3600) * 1000 if size.capacity else math.inf


def needed_memory(peak_gb: float, measured_gb: float) -> float:
    """The memory to ask for, in tenths of a gigabyte: what was used and a quarter, within what was there."""
    return min(measured_gb, max(MEMORY_RANGE[0], _tenths_up(peak_gb * HEADROOM)))


def needed_cpu(used: float, measured: float) -> float:
    """The cores to ask for, in tenths, likewise."""
    return min(measured, max(CPU_RANGE[0], _tenths_up(used * HEADROOM)))


def has_room(peak_bytes: int, more: int, free_bytes: int) -> bool:
    """Whether so many ``more`` services fit beside one that has used ``peak_bytes``, in half of what is free.

    Of one whose use nobody can tell, none does.
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
    return _made(cheapest, prices, "the cheapest size per prediction of those measured")


def _made(size: SizeResult, prices: Prices | None, why: str, *, meets: bool = True) -> Recommendation:
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
