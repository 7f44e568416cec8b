"""Profiles as JSON: the workspace's record, and the details with Azure ML v1's keys."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from mlmagic.core.profile import (
    Failure,
    Goal,
    Load,
    Prices,
    Profile,
    ProfilePlan,
    ProfileState,
    Recommendation,
    Sample,
    SizeResult,
)
from mlmagic.core.statistics import PERCENTILES


def record_of(profile: Profile) -> dict[str, Any]:
    """The JSON record of a profile; `profile_of` reads it."""
    return {**asdict(profile), "state": str(profile.state)}


def profile_of(record: Mapping[str, Any]) -> Profile:
    """The inverse of `record_of`."""
    plan = dict(record["plan"])
    prices = plan.pop("prices")
    plan |= {name: tuple(plan[name]) for name in ("cpus", "memories_gb", "concurrencies")}
    advice = record["recommendation"]
    return Profile(
        **{
            **record,
            "plan": ProfilePlan(
                **{**plan, "goal": Goal(**plan["goal"]), "prices": Prices(**prices) if prices else None}
            ),
            "state": ProfileState(record["state"]),
            "models": tuple(record["models"]),
            "sizes": tuple(_size(size) for size in record["sizes"]),
            "recommendation": Recommendation(**advice) if advice else None,
        }
    )


def details(profile: Profile) -> dict[str, Any]:
    """The result of ``ModelProfile.get_details()``: Azure ML v1's keys, without those that have no value.

    ``requestedQueriesPerSecond`` is the goal's. As in Azure ML v1, the latencies are those of one client that
    sends the next request after each answer.
    """
    plan, size = profile.plan, profile.chosen
    load = size.load("closed") if size else None
    values: dict[str, Any] = {
        "name": profile.name,
        "description": plan.description or None,
        "createdTime": datetime.fromtimestamp(profile.created_time, UTC).isoformat(),
        "state": str(profile.state),
        "requestedCpu": size.cpu if size else max(plan.cpus),
        "requestedMemoryInGB": size.memory_gb if size else max(plan.memories_gb),
        "requestedQueriesPerSecond": plan.goal.requests_per_second or 0,
        "error": profile.error or None,
    }
    if size is not None and load is not None:
        total = sum(each.requests for each in size.loads)
        good = sum(each.successes for each in size.loads)
        values |= {
            "maxUtilizedMemoryInGB": round(size.peak_memory_gb, 4),
            "maxUtilizedCpu": round(size.max_cores, 3),
            "totalQueries": total,
            "successQueries": good,
            "successRate": 100 * good / total if total else None,
            "averageLatencyInMs": load.mean_ms,
            **{_latency_key(p): load.percentiles_ms.get(f"{p:g}") for p in PERCENTILES},
            "measuredQueriesPerSecond": size.capacity,
        }
    if profile.recommendation is not None:
        values |= {
            "recommendedCpu": profile.recommendation.cpu,
            "recommendedMemoryInGB": profile.recommendation.memory_gb,
        }
    return {key: value for key, value in values.items() if value is not None}


def _latency_key(percent: float) -> str:
    return f"latencyPercentile{f'{percent:g}'.replace('.', '')}InMs"


def finite(value: float) -> float | None:
    """The value, or None for infinity and NaN, which JSON does not have."""
    return value if math.isfinite(value) else None


def _size(record: Mapping[str, Any]) -> SizeResult:
    return SizeResult(
        **{
            **record,
            "loads": tuple(_load(load) for load in record["loads"]),
            "failures": tuple(Failure(**failure) for failure in record["failures"]),
            "samples": tuple(Sample(**sample) for sample in record["samples"]),
        }
    )


def _load(record: Mapping[str, Any]) -> Load:
    return Load(
        **{
            **record,
            "rate_interval": tuple(record["rate_interval"]),
            "intervals_ms": {name: tuple(ends) for name, ends in record["intervals_ms"].items()},
            "histogram": tuple((bound, count) for bound, count in record["histogram"]),
        }
    )
