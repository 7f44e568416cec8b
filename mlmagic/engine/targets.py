"""The compute targets that an engine can use, by name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

from mlmagic.core.webservice import Webservice
from mlmagic.errors import MLMagicError, NotFound, TargetUnavailable
from mlmagic.targets import registry
from mlmagic.targets.base import ComputeTarget

LoadTarget = Callable[[str], ComputeTarget[Any]]
"""Returns the target of that name; raises `NotFound`."""


class Targets:
    """Looks compute targets up; each is loaded once per engine."""

    def __init__(self, load: LoadTarget | None = None) -> None:
        self.load = load or cache(registry.load)

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
        return {name: self._unavailable_reason(name) for name in dict.fromkeys([*also, *registry.known()])}

    def _unavailable_reason(self, name: str) -> str:
        try:
            self.usable(name)
        except MLMagicError as error:
            return str(error)
        return ""
