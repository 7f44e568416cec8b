"""Profiles as a finished measurement leaves them."""

from __future__ import annotations

from typing import Any

from mlmagic.core.profile import Goal, Load, Prices, Profile, ProfilePlan, ProfileState, SizeResult
from mlmagic.core.sizing import recommend


def load(kind: str, level: float, rate: float, p99: float, good: int = 100) -> Load:
    percentiles = {"50": p99 / 3, "90": p99 / 2, "95": p99 / 1.5, "99": p99, "99.9": p99 * 2}
    ends = {name: (value * 0.9, None) for name, value in percentiles.items()}
    return Load(
        kind, level, 2.0, 100, good, rate, (rate - 1, rate + 1), p99 / 3, percentiles, ends, ((1, 2),)
    )


def size(cpu: float, capacity: float, p99: float, *, memory: float = 1.0, **more: Any) -> SizeResult:
    loads = (load("closed", 1, capacity / 2, p99), load("closed", 2, capacity, p99), load("open", 9, 9, p99))
    values = {"max_cores": cpu * 0.8, "peak_memory_gb": 0.31, **more}
    return SizeResult(cpu, memory, "cgroups", 1.0, loads, **values)


SMALL, MIDDLE, LARGE = size(0.5, 100, 40), size(1, 250, 15), size(2, 300, 10)


def profile(**changes: Any) -> Profile:
    sizes = (SMALL, MIDDLE)
    values: dict[str, Any] = {
        "plan": ProfilePlan(
            "p", (0.5, 1.0), (1.0,), goal=Goal(20, requests_per_second=9), prices=Prices(1, 2)
        ),
        "state": ProfileState.SUCCEEDED,
        "models": ("m:1",),
        "created_time": 0.0,
        "rows": 3,
        "sizes": (*sizes, SizeResult(3, 1, error="no")),
        "recommendation": recommend(sizes, Goal(20)),
    }
    return Profile(**{**values, **changes})
