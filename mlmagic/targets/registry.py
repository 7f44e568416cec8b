"""Targets by name, found through the entry point group ``mlmagic.targets``."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mlmagic.errors import NotFound, TargetUnavailable
from mlmagic.targets.base import ComputeTarget

GROUP = "mlmagic.targets"
# Installed for tests; it serves nothing a user would want.
HIDDEN = frozenset({"fake"})


@cache
def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def names() -> list[str]:
    """The targets a user may name."""
    return sorted(_installed().keys() - HIDDEN)


def load(name: str) -> ComputeTarget[Any]:
    """The target called ``name``; raises `NotFound`, or `TargetUnavailable` if its package is broken."""
    point = _installed().get(name)
    if point is None:
        raise NotFound("target", name, names())
    try:
        target = point.load()()
    except ImportError as error:
        raise TargetUnavailable(name, f"target {name!r} cannot be loaded: {error}") from error
    assert isinstance(target, ComputeTarget)
    return target
