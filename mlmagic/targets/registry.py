"""Targets by name, found through the entry point group ``mlmagic.targets``."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from mlmagic.errors import InvalidConfig, NotFound, TargetUnavailable

if TYPE_CHECKING:
    from mlmagic.targets.base import ComputeTarget

GROUP = "mlmagic.targets"
# Installed for tests only.
HIDDEN = frozenset({"fake"})


@cache
def installed() -> dict[str, EntryPoint]:
    """The entry point of each installed target, by name."""
    return {point.name: point for point in entry_points(group=GROUP)}


def names() -> list[str]:
    """The installed targets that a user can deploy to."""
    return sorted(installed().keys() - HIDDEN)


def load(name: str) -> ComputeTarget[Any]:
    """The target called ``name``, or ``NAME:CONTEXT``: one of the places in which that target runs services.

    Raises `NotFound`, `InvalidConfig` for a context of a target that has none, or `TargetUnavailable` if the
    target's package is broken.
    """
    from mlmagic.targets.base import ComputeTarget  # here: completing names in a shell does without

    known, colon, context = name.partition(":")
    point = installed().get(known)
    if point is None:
        raise NotFound("target", name, names())
    try:
        kind: Any = point.load()
    except ImportError as error:
        raise TargetUnavailable(known, f"target {known!r} cannot be loaded: {error}") from error
    if colon and not (context and kind.capabilities.has_contexts):
        raise InvalidConfig(
            "target", name, f"names a context, and {known!r} has none", hint=f"Write {known!r}."
        )
    target = kind(context) if colon else kind()
    assert isinstance(target, ComputeTarget)
    return target
