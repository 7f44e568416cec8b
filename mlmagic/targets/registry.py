"""Targets by name, found through the entry point group ``mlmagic.targets``."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mlmagic.errors import NotFound, TargetUnavailable
from mlmagic.targets.base import ComputeTarget

GROUP = "mlmagic.targets"
# Installed for tests only.
HIDDEN = frozenset({"fake"})

PLANNED = {"kubernetes": "Clusters (aks)"}
"""Targets of Azure ML v1's compute types that are not part of mlmagic, and what they serve."""


@cache
def installed() -> dict[str, EntryPoint]:
    """The entry point of each installed target, by name."""
    return {point.name: point for point in entry_points(group=GROUP)}


def names() -> list[str]:
    """The installed targets that a user can deploy to."""
    return sorted(installed().keys() - HIDDEN)


def known() -> list[str]:
    """The installed targets, and those that Azure ML v1's compute types need."""
    return [*names(), *sorted(PLANNED.keys() - installed().keys())]


def load(name: str) -> ComputeTarget[Any]:
    """The target called ``name``; raises `NotFound`, or `TargetUnavailable` if its package is broken."""
    point = installed().get(name)
    if point is None:
        if name in PLANNED:
            raise TargetUnavailable(
                name,
                f"{PLANNED[name]} need the target {name!r}, which is not installed",
                fix=f"Deploy to {' or '.join(names())} instead, or install a package with that target.",
            )
        raise NotFound("target", name, names())
    try:
        target = point.load()()
    except ImportError as error:
        raise TargetUnavailable(name, f"target {name!r} cannot be loaded: {error}") from error
    assert isinstance(target, ComputeTarget)
    return target
