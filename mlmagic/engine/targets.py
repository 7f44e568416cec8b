"""The compute targets that an engine can use, by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any, ClassVar

from mlmagic.core.arguments import ComputeType
from mlmagic.core.compute_mapping import VARIABLE, ComputeMapping, Placement, parse_mapping, placement
from mlmagic.core.webservice import Webservice
from mlmagic.errors import MLMagicError, NotFound, TargetUnavailable
from mlmagic.targets import registry
from mlmagic.targets.base import ComputeTarget
from mlmagic.workspace.location import Location

LoadTarget = Callable[[str], ComputeTarget[Any]]
"""Returns the target of that name; raises `NotFound`."""


class Targets:
    """Looks compute targets up; each is loaded once per engine."""

    chosen: ClassVar[ComputeMapping] = {}
    """The mapping of compute types that the notebook has set, for all workspaces of this process."""

    def __init__(self, load: LoadTarget | None = None, location: Location | None = None) -> None:
        self.load = load or cache(registry.load)
        self._location = location

    def placement(self, compute: ComputeType) -> Placement | None:
        """The target that stands for a compute type here; None if it is the usual one.

        The first of %config MLMagic.compute, MLMAGIC_COMPUTE and the workspace's config.json that has one.
        Raises `InvalidConfig` or `NotFound` for a setting that cannot be read.
        """
        return placement(compute, (Targets.chosen, *self._configured()))

    def _configured(self) -> Iterator[ComputeMapping]:
        if text := os.environ.get(VARIABLE, "").strip():
            yield read_mapping(text, VARIABLE)
        if self._location is not None and self._location.compute:
            yield read_mapping(self._location.compute, f'"compute" in {self._location.found_by}')

    def get(self, name: str) -> ComputeTarget[Any]:
        """The target called ``name``; raises `NotFound` with those that are installed."""
        return self.load(name)

    def usable(self, name: str) -> ComputeTarget[Any]:
        """The target called ``name``; raises `TargetUnavailable` if it cannot run services now."""
        target = self.load(name)
        target.check()
        return target

    def of(self, service: Webservice) -> ComputeTarget[Any] | None:
        """The target of a service; None if it is not installed here, as can be in a team's workspace."""
        with suppress(NotFound, TargetUnavailable):
            return self.load(service.target)
        return None

    def names(self) -> list[str]:
        """The names of the installed targets."""
        return registry.names()

    def availability(self, *also: str) -> dict[str, str]:
        """Each known target, and ``also``, with why it cannot run services now; ``""`` if it can."""
        return {name: self._unavailable_reason(name) for name in dict.fromkeys([*also, *registry.names()])}

    def _unavailable_reason(self, name: str) -> str:
        try:
            self.usable(name)
        except MLMagicError as error:
            return str(error)
        return ""


def read_mapping(given: Any, setting: str) -> ComputeMapping:
    """A mapping of compute types to the installed targets; raises as `parse_mapping`."""
    return parse_mapping(given, setting, registry.names())
